import * as tf from '@tensorflow/tfjs';
import type { LinearData } from '../datasets';
import type { LossProblem } from '../problems';
import type { NamedTensors } from '../spaces';

/** `‖a − b‖ / max(1, ‖b‖)`. */
export function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const difference = Array.from(a, (value, i) => value - b[i]!);
  return Math.hypot(...difference) / Math.max(1, Math.hypot(...Array.from(b)));
}

/** The numbers of all tensors, one after the other. */
export const numbers = (x: NamedTensors): number[] =>
  Object.values(x).flatMap((value) => [...value.dataSync()]);

export const fromFloat64 = (x: Float64Array): NamedTensors => ({ x: tf.tensor1d([...x]) });

/** The rows and targets of a linear model as tensors. */
export function tensorsOf({ train, validation }: LinearData) {
  const X = (rows: Float64Array[]) => tf.tensor2d(rows.map((row) => [...row]));
  return {
    X: X(train.X),
    y: tf.tensor1d([...train.y]),
    validationX: X(validation.X),
    validationY: tf.tensor1d([...validation.y]),
  };
}

/** `bilevelRidge` as losses of tensors, w and λ under the name x. */
export function ridgeLosses(data: LinearData): LossProblem {
  const { X, y, validationX, validationY } = tensorsOf(data);
  const error = (X: tf.Tensor, y: tf.Tensor, w: tf.Tensor) =>
    tf.mul(0.5, tf.mean(tf.square(tf.sub(tf.dot(X, w), y)))) as tf.Scalar;
  return {
    inner: (w, λ) =>
      tf.add(error(X, y, w.x!), tf.mul(0.5, tf.sum(tf.mul(λ.x!, tf.square(w.x!))))) as tf.Scalar,
    outer: (w) => error(validationX, validationY, w.x!),
  };
}
