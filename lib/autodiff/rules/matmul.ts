import * as tf from '@tensorflow/tfjs';
import { matMul as multiply, transpose } from '../kernels';
import type { Rule } from '../program';
import type { Tape } from '../tape';
import { reduce, total, using } from './shapes';

/**
 * op(a) · op(b), where op may transpose, with broadcasting over leading dimensions.
 *
 * The change is op(da) op(b) + op(a) op(db); both terms have their transposes below.
 */
export const matMul: Rule = ({ node, names }, tape) => {
  const [a, b] = node.saved as [tf.Tensor, tf.Tensor];
  const { transposeA, transposeB } = node.attrs as { transposeA: boolean; transposeB: boolean };
  const [A, At] = [oriented(a, transposeA, tape), oriented(a, !transposeA, tape)];
  const [B, Bt] = [oriented(b, transposeB, tape), oriented(b, !transposeB, tape)];
  const push = {
    a: (t: tf.Tensor) => multiply(t, B.factor(), transposeA, B.transpose),
    b: (t: tf.Tensor) => multiply(A.factor(), t, A.transpose, transposeB),
  };
  const pull = {
    a: (u: tf.Tensor) =>
      transposeA
        ? multiply(B.factor(), u, B.transpose, true)
        : multiply(u, Bt.factor(), false, Bt.transpose),
    b: (u: tf.Tensor) =>
      transposeB
        ? multiply(u, A.factor(), true, A.transpose)
        : multiply(At.factor(), u, At.transpose, false),
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

/** A factor as it is multiplied: a tensor, and whether the kernel has to transpose it. */
interface Oriented {
  factor(): tf.Tensor;
  transpose: boolean;
}

/**
 * A factor that stays the same from product to product, transposed or not.
 *
 * wasm transposes a factor in memory before it multiplies, so there it is done once, beforehand.
 */
function oriented(x: tf.Tensor, transposed: boolean, tape: Tape): Oriented {
  if (!transposed || tf.getBackend() !== 'wasm') return { factor: () => x, transpose: transposed };
  const axes = x.shape.map((_, i) => i);
  const last = axes.length - 1;
  [axes[last - 1], axes[last]] = [last, last - 1];
  const constant = tape.constants(() => [transpose(x, axes)]);
  return { factor: () => constant()[0]!, transpose: false };
}
