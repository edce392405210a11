import * as tf from '@tensorflow/tfjs';
import { add, copy, reshape, sumOver, tile } from '../kernels';

export const sameShape = (a: readonly number[], b: readonly number[]) =>
  a.length === b.length && a.every((size, i) => size === b[i]);

/** x repeated to a shape it broadcasts to; x itself where it has that shape. */
export function spread(x: tf.Tensor, shape: number[]): tf.Tensor {
  if (sameShape(x.shape, shape)) return x;
  const padded = [...new Array<number>(shape.length - x.rank).fill(1), ...x.shape];
  const lifted = x.rank === shape.length ? x : reshape(x, padded);
  const result = tile(
    lifted,
    shape.map((size, i) => (padded[i] === size ? 1 : size)),
  );
  if (lifted !== x) lifted.dispose();
  return result;
}

/** x summed over whatever broadcasting a tensor of `shape` repeated; x itself where nothing was. */
export function reduce(x: tf.Tensor, shape: number[]): tf.Tensor {
  if (sameShape(x.shape, shape)) return x;
  const axes = tf.backend_util.getReductionAxes(shape, x.shape);
  if (axes.length === 0) return reshape(x, shape);
  const summed = sumOver(x, axes);
  if (sameShape(summed.shape, shape)) return summed;
  const result = reshape(summed, shape);
  summed.dispose();
  return result;
}

/** f(x) for an x that is not needed again, where f may return x itself. */
export function using(x: tf.Tensor, f: (x: tf.Tensor) => tf.Tensor): tf.Tensor {
  const result = f(x);
  if (result !== x) x.dispose();
  return result;
}

/** f(x) for an x that belongs to the caller, where f may return x itself. */
export function fresh(x: tf.Tensor, f: (x: tf.Tensor) => tf.Tensor): tf.Tensor {
  const result = f(x);
  return result === x ? copy(x) : result;
}

/** The sum of what is there; the parts are used up. */
export function total(parts: tf.Tensor[]): tf.Tensor {
  return parts.reduce((sum, part) => {
    const next = add(sum, part);
    sum.dispose();
    part.dispose();
    return next;
  });
}
