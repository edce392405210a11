import * as tf from '@tensorflow/tfjs';

export const sameShape = (a: readonly number[], b: readonly number[]) =>
  a.length === b.length && a.every((size, i) => size === b[i]);

/** A new tensor: x repeated to a shape it broadcasts to. */
export const spreadTo = (x: tf.Tensor, shape: number[]): tf.Tensor =>
  sameShape(x.shape, shape) ? x.clone() : tf.broadcastTo(x, shape);

/** A new tensor: x summed over whatever broadcasting a tensor of `shape` repeated. */
export function sumTo(x: tf.Tensor, shape: number[]): tf.Tensor {
  if (sameShape(x.shape, shape)) return x.clone();
  const axes = tf.backend_util.getReductionAxes(shape, x.shape);
  return tf.tidy(() => tf.reshape(axes.length > 0 ? tf.sum(x, axes) : x, shape));
}

/** `sumTo` for a tensor that nobody else needs. */
export function reduceTo(x: tf.Tensor, shape: number[]): tf.Tensor {
  if (sameShape(x.shape, shape)) return x;
  const result = sumTo(x, shape);
  x.dispose();
  return result;
}

/** The sum of what is there; the parts are used up. */
export function total(parts: tf.Tensor[]): tf.Tensor {
  return parts.reduce((sum, part) => {
    const next = tf.add(sum, part);
    tf.dispose([sum, part]);
    return next;
  });
}
