import * as tf from '@tensorflow/tfjs';
import { multiply, reshape } from '../kernels';
import type { LocalDerivative, Rule } from '../program';
import { engine } from '../tape';
import { pullByGradient, reverse } from './reverse';
import { using } from './shapes';

/** Beyond this a float32 no longer holds every whole number. */
const exactWhole = 2 ** 24;

/** The maximum over windows: J v picks the entries of v where the maxima lie, found once. */
export const maxPool: Rule = (step, tape) => {
  if (windowsTile(step)) return byMask(step, tape);
  if (step.node.inputs.x!.size <= exactWhole) return byPlace(step, tape);
  return reverse(step, tape);
};

type Derive = (...args: Parameters<Rule>) => LocalDerivative;

/** Where each entry lies in exactly one window: J v is the sum over windows of v at the maxima. */
const byMask: Derive = (step, tape) => {
  const { attrs, outputs, inputs } = step.node;
  const count = inputs.x!.size / outputs[0]!.size;
  // The kernel at hand takes the mean, so the mask makes up for its count.
  const mask = tape.constants(() => {
    const [atMaxima] = pullByGradient(step, [tf.ones(outputs[0]!.shape)]);
    return [tf.mul(atMaxima!, count)];
  });
  const mean = (x: tf.Tensor) => engine().runKernel('AvgPool', { x }, attrs);
  return {
    push: ([t]) => [using(multiply(t!, mask()[0]!), mean)],
    pull: (cotangents) => pullByGradient(step, cotangents),
  };
};

/** In general: the places of the maxima are found by picking from the entries' own numbers. */
const byPlace: Derive = (step, tape) => {
  const { inputs, outputs } = step.node;
  const [before, after] = [inputs.x!, outputs[0]!];
  const places = tape.constants(() => {
    const numbered = tf.reshape(tf.range(0, before.size, 1, 'float32'), before.shape);
    const picked = reverse(step, tape).push([numbered])[0]!;
    return [tf.cast(tf.reshape(picked, [after.size]), 'int32')];
  });
  return {
    push([t]) {
      const flat = reshape(t!, [before.size]);
      const picked = tf.gather(flat, places()[0] as tf.Tensor1D);
      flat.dispose();
      return [using(picked, (x) => reshape(x, after.shape))];
    },
    pull: (cotangents) => pullByGradient(step, cotangents),
  };
};

/** Whether the windows of a pool over images lie side by side and cover them exactly. */
function windowsTile({ node }: Parameters<Rule>[0]): boolean {
  const { filterSize, strides, pad } = node.attrs;
  const { shape } = node.inputs.x!;
  if (node.kernelName !== 'MaxPool' || (typeof pad !== 'string' && pad !== 0)) return false;
  const sizes = [filterSize, filterSize].flat().slice(0, 2) as number[];
  const steps = [strides, strides].flat().slice(0, 2) as number[];
  return sizes.every((size, i) => size === steps[i] && shape[i + 1]! % size === 0);
}
