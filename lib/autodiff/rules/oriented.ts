import type * as tf from '@tensorflow/tfjs';
import { transposesBeforehand } from '../../backends';
import { transpose } from '../kernels';
import type { Tape } from '../tape';

/** A factor as it is multiplied: its matrix, and whether the kernel has to transpose it. */
export interface Oriented {
  matrix(): tf.Tensor;
  transpose: boolean;
}

/**
 * A factor that stays the same from product to product, transposed or not.
 *
 * Where the backend would transpose it in memory for each product, that is done once.
 */
export function oriented(matrix: () => tf.Tensor, transposed: boolean, tape: Tape): Oriented {
  if (!transposed || !transposesBeforehand()) return { matrix, transpose: transposed };
  const kept = tape.constants(() => [withExchangedAxes(matrix())]);
  return { matrix: () => kept()[0]!, transpose: false };
}

function withExchangedAxes(x: tf.Tensor): tf.Tensor {
  const axes = x.shape.map((_, i) => i);
  const last = axes.length - 1;
  [axes[last - 1], axes[last]] = [last, last - 1];
  return transpose(x, axes);
}
