import type * as tf from '@tensorflow/tfjs';
import { matMul as multiply } from '../kernels';
import type { Rule } from '../program';
import { oriented } from './oriented';
import { reduce, total, using } from './shapes';

/**
 * op(a) · op(b), where op may transpose, with broadcasting over leading dimensions.
 *
 * The change is op(da) op(b) + op(a) op(db); both terms have their transposes below.
 */
export const matMul: Rule = ({ node, names }, tape) => {
  const [a, b] = node.saved as [tf.Tensor, tf.Tensor];
  const { transposeA, transposeB } = node.attrs as { transposeA: boolean; transposeB: boolean };
  const [A, At] = [oriented(() => a, transposeA, tape), oriented(() => a, !transposeA, tape)];
  const [B, Bt] = [oriented(() => b, transposeB, tape), oriented(() => b, !transposeB, tape)];
  const push = {
    a: (t: tf.Tensor) => multiply(t, B.matrix(), transposeA, B.transpose),
    b: (t: tf.Tensor) => multiply(A.matrix(), t, A.transpose, transposeB),
  };
  const pull = {
    a: (u: tf.Tensor) =>
      transposeA
        ? multiply(B.matrix(), u, B.transpose, true)
        : multiply(u, Bt.matrix(), false, Bt.transpose),
    b: (u: tf.Tensor) =>
      transposeB
        ? multiply(u, A.matrix(), true, A.transpose)
        : multiply(At.matrix(), u, At.transpose, false),
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
