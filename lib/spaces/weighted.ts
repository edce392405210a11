import * as tf from '@tensorflow/tfjs';
import { InputError, ShapeError } from '../errors';
import { checkNoMore, checkNumericTensor, checkRecord } from '../options';
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
 *
 * @throws InputError or DisposedError for anything but named tensors, InputError for a name that a vector
 *   does not have, and ShapeError for a weight that does not fit its tensor.
 */
export function weighted(weights: NamedTensors): WeightedSpace {
  checkNoMore('weighted', arguments, 1);
  checkRecord(weights, 'the weights of a space', 'named tensors');
  for (const [name, weight] of Object.entries(weights)) {
    checkNumericTensor(weight, `the weight of '${name}'`);
  }
  const weigh = (x: NamedTensors) => {
    checkNames(weights, x);
    return mapTensors(x, (value, name) => {
      const weight = weights[name];
      if (weight === undefined) return value;
      checkFits(weight, value, name);
      return tf.matMul(weight, value);
    });
  };
  const dot = (x: NamedTensors, y: NamedTensors) => tf.tidy(() => tensors.dot(x, weigh(y)));
  return {
    ...tensors,
    name: 'weighted tensors',
    weigh,
    dot,
    norm: (x) => normBy(x, (y) => dot(y, y)),
  };
}

/** @throws InputError for a weight of nothing: a misspelt name would count as no weight. */
function checkNames(weights: NamedTensors, x: NamedTensors): void {
  const unknown = Object.keys(weights).find((name) => !(name in x));
  if (unknown === undefined) return;
  throw new InputError({
    given: `a weight of '${unknown}' for a vector of ${Object.keys(x).join(', ')}`,
    expected: 'weights of names that the vector has',
    remedy: 'Look for a spelling mistake.',
  });
}

/** @throws ShapeError unless the product has the shape of the tensor: it would be broadcast. */
function checkFits(weight: tf.Tensor, value: tf.Tensor, name: string): void {
  const rows = value.shape.slice(0, -1);
  const outer = weight.shape.slice(0, -2);
  const fits =
    value.rank >= 2 &&
    weight.rank >= 2 &&
    weight.shape.slice(-2).every((size) => size === rows.at(-1)) &&
    outer.every((size, i) => size === 1 || size === rows.at(i - outer.length - 1));
  if (fits && outer.length < rows.length) return;
  throw new ShapeError({
    given: `a weight of shape [${weight.shape}] for '${name}' of shape [${value.shape}]`,
    expected: 'a weight […, B, B] for a tensor […, B, m]',
    remedy: 'Reshape one of them; a vector is a matrix of one column.',
  });
}
