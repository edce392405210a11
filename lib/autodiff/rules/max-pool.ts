import * as tf from '@tensorflow/tfjs';
import { reshape } from '../kernels';
import type { Rule } from '../program';
import { pullByGradient, reverse } from './reverse';

/** Beyond this a float32 no longer holds every whole number. */
const exactWhole = 2 ** 24;

/**
 * The maximum over windows: J v picks the entries of v where the maxima lie.
 *
 * The places are found once, by picking from the entries' own numbers.
 */
export const maxPool: Rule = (step, tape) => {
  const { inputs, outputs } = step.node;
  const [before, after] = [inputs.x!, outputs[0]!];
  const slow = reverse(step, tape);
  if (before.size > exactWhole) return slow;
  const places = tape.constants(() => {
    const numbered = tf.reshape(tf.range(0, before.size, 1, 'float32'), before.shape);
    return [tf.cast(tf.reshape(slow.push([numbered])[0]!, [after.size]), 'int32')];
  });
  return {
    push([t]) {
      const flat = reshape(t!, [before.size]);
      const picked = tf.gather(flat, places()[0] as tf.Tensor1D);
      const result = reshape(picked, after.shape);
      tf.dispose([flat, picked]);
      return [result];
    },
    pull: (cotangents) => pullByGradient(step, cotangents),
  };
};
