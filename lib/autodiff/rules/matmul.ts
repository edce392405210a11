import type * as tf from '@tensorflow/tfjs';
import { matMul as multiply } from '../kernels';
import type { Rule } from '../program';
import { reduce, total, using } from './shapes';

/**
 * op(a) · op(b), where op may transpose, with broadcasting over leading dimensions.
 *
 * The change is op(da) op(b) + op(a) op(db); both terms have their transposes below.
 */
export const matMul: Rule = ({ node, names }) => {
  const [a, b] = node.saved as [tf.Tensor, tf.Tensor];
  const { transposeA, transposeB } = node.attrs as { transposeA: boolean; transposeB: boolean };
  const push = {
    a: (t: tf.Tensor) => multiply(t, b, transposeA, transposeB),
    b: (t: tf.Tensor) => multiply(a, t, transposeA, transposeB),
  };
  const pull = {
    a: (u: tf.Tensor) =>
      transposeA ? multiply(b, u, transposeB, true) : multiply(u, b, false, !transposeB),
    b: (u: tf.Tensor) =>
      transposeB ? multiply(u, a, true, transposeA) : multiply(a, u, !transposeA, false),
  };
  const active = names as ('a' | 'b')[];
  return {
    push: (tangents) => [total(tangents.map((t, i) => push[active[i]!](t)))],
    pull: ([u]) =>
      active.map((name) => {
        const { shape } = node.inputs[name]!;
        return using(pull[name](u!), (x) => reduce(x, shape));
      }),
  };
};
