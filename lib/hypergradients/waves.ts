import * as tf from '@tensorflow/tfjs';

/** A fixed direction of no particular kind: its entries are `cos(i² + 1)`. */
export const waves = (shape: readonly number[]): tf.Tensor =>
  tf.tensor(
    Float32Array.from({ length: tf.util.sizeFromShape([...shape]) }, (_, i) => Math.cos(i * i + 1)),
    [...shape],
  );
