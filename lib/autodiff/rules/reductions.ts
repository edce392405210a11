import * as tf from '@tensorflow/tfjs';
import { multiply, reshape, tile } from '../kernels';
import type { Rule } from '../program';
import { multilinear } from './multilinear';
import { using } from './shapes';

/** Sum and mean over some axes. */
export const reduction: Rule = (step, tape) => {
  const { inputs, attrs, kernelName } = step.node;
  const { shape } = inputs.x!;
  const axes = tf.util.parseAxisParam(attrs.axis as number | number[], shape);
  const kept = shape.map((size, i) => (axes.includes(i) ? 1 : size));
  const repeats = shape.map((size, i) => (axes.includes(i) ? size : 1));
  const count = axes.reduce((n, axis) => n * shape[axis]!, 1);
  const weight = kernelName === 'Mean' ? tape.constants(() => [tf.scalar(1 / count)]) : undefined;
  return {
    ...multilinear(step, tape),
    pull([u]) {
      const weighted = weight ? multiply(u!, weight()[0]!) : u!;
      const lifted = reshape(weighted, kept);
      if (weight) weighted.dispose();
      return [using(lifted, (x) => tile(x, repeats))];
    },
  };
};
