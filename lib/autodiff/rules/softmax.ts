import * as tf from '@tensorflow/tfjs';
import { hasKernel } from '../../backends/engine';
import { multiply, subtract, sumOver } from '../kernels';
import type { Rule } from '../program';
import { engine } from '../tape';
import { pullByGradient } from './reverse';
import { using } from './shapes';

/** s = softmax(z): J = diag(s) − s sᵀ is symmetric, and J v = s ⊙ (v − Σ s v). */
export const softmax: Rule = ({ node }) => {
  const [s] = node.saved as [tf.Tensor];
  const apply = (v: tf.Tensor) => {
    if (hasKernel('SoftmaxDerivative')) return engine().runKernel('SoftmaxDerivative', { s, v });
    const mean = using(multiply(v, s), (x) => sumOver(x, [s.shape.length - 1], true));
    return using(
      using(mean, (m) => subtract(v, m)),
      (x) => multiply(x, s),
    );
  };
  return {
    push: ([v]) => [apply(v!)],
    pull: ([u]) => [apply(u!)],
  };
};

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
