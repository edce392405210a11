import * as tf from '@tensorflow/tfjs';
import { multiply, subtract, sumOver } from '../kernels';
import type { Rule } from '../program';
import { pullByGradient } from './reverse';
import { using } from './shapes';

/** s = softmax(z): J = diag(s) − s sᵀ is symmetric, so J v is the gradient at u = v. */
export const softmax: Rule = (step) => ({
  push: (tangents) => pullByGradient(step, tangents),
  pull: (cotangents) => pullByGradient(step, cotangents),
});

/** l = log softmax(z): J v = v − Σ s v, with s = exp l. */
export const logSoftmax: Rule = (step, tape) => {
  const [l] = step.node.saved as [tf.Tensor];
  const axis = step.node.attrs.axis as number;
  const probabilities = tape.constants(() => [tf.exp(l)]);
  return {
    push([v]) {
      const weighted = multiply(v!, probabilities()[0]!);
      const mean = using(weighted, (x) => sumOver(x, tf.util.parseAxisParam(axis, l.shape), true));
      return [using(mean, (m) => subtract(v!, m))];
    },
    pull: (cotangents) => pullByGradient(step, cotangents),
  };
};
