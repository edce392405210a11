import * as tf from '@tensorflow/tfjs';
import type { Space } from './space';
import { mapTensors, type NamedTensors, normBy, tensors } from './tensors';

/** {@link tensors} with another inner product. */
export interface WeightedSpace extends Space<NamedTensors, tf.Scalar> {
  /** `K x`. */
  weigh(x: NamedTensors): NamedTensors;
}

/**
 * Named tensors with the inner product `⟨x, K y⟩`, where K is given name by name.
 *
 * `weights` holds, for some of the names, a symmetric positive semidefinite `[…, B, B]` that
 * multiplies the tensor `[…, B, m]` of that name; the others count as they are.
 */
export function weighted(weights: NamedTensors): WeightedSpace {
  const weigh = (x: NamedTensors) =>
    mapTensors(x, (value, name) => {
      const weight = weights[name];
      return weight === undefined ? value : tf.matMul(weight, value);
    });
  const dot = (x: NamedTensors, y: NamedTensors) => tf.tidy(() => tensors.dot(x, weigh(y)));
  return {
    ...tensors,
    name: 'weighted tensors',
    weigh,
    dot,
    norm: (x) => normBy(x, (y) => dot(y, y)),
  };
}
