import * as tf from '@tensorflow/tfjs';
import type { Rule } from '../program';
import type { Tape } from '../tape';
import { reduceTo, total } from './shapes';

/**
 * op(a) · op(b), where op may transpose, with broadcasting over leading dimensions.
 *
 * d = op(da) op(b) + op(a) op(db), and the transposes of the two terms.
 */
export const matMul: Rule = ({ node, names }, tape) => {
  const [a, b] = node.saved as [tf.Tensor, tf.Tensor];
  const { transposeA, transposeB } = node.attrs as { transposeA: boolean; transposeB: boolean };
  const [A, At] = [oriented(a, transposeA, tape), oriented(a, !transposeA, tape)];
  const [B, Bt] = [oriented(b, transposeB, tape), oriented(b, !transposeB, tape)];
  return {
    push: (tangents) => [
      total(
        tangents.map((t, i) =>
          names[i] === 'a'
            ? B((b, tb) => tf.matMul(t, b, transposeA, tb))
            : A((a, ta) => tf.matMul(a, t, ta, transposeB)),
        ),
      ),
    ],
    pull: ([u]) =>
      names.map((name) => {
        if (name === 'a') {
          const du = transposeA
            ? B((b, tb) => tf.matMul(b, u!, tb, true))
            : Bt((b, tb) => tf.matMul(u!, b, false, tb));
          return reduceTo(du, a.shape);
        }
        const du = transposeB
          ? A((a, ta) => tf.matMul(u!, a, true, ta))
          : At((a, ta) => tf.matMul(a, u!, ta, false));
        return reduceTo(du, b.shape);
      }),
  };
};

type Oriented = <T>(use: (x: tf.Tensor, transpose: boolean) => T) => T;

/**
 * A factor that stays the same from product to product, transposed or not.
 *
 * wasm transposes a factor in memory before it multiplies, so there it is done once, beforehand.
 */
function oriented(x: tf.Tensor, transpose: boolean, tape: Tape): Oriented {
  if (!transpose || tf.getBackend() !== 'wasm') return (use) => use(x, transpose);
  const axes = x.shape.map((_, i) => i);
  const last = axes.length - 1;
  [axes[last - 1], axes[last]] = [last, last - 1];
  const transposed = tape.constants(() => [tf.transpose(x, axes)]);
  return (use) => use(transposed()[0]!, false);
}
