import type * as tf from '@tensorflow/tfjs';
import type { NamedTensors } from '../spaces';

/** The tensors of `x` in the order of the names of `like`. */
export const listed = (like: NamedTensors, x: NamedTensors): tf.Tensor[] =>
  Object.keys(like).map((name) => x[name]!);

/** The record whose values, in the order of the names of `like`, are `values`. */
export const named = (like: NamedTensors, values: readonly tf.Tensor[]): NamedTensors =>
  Object.fromEntries(Object.keys(like).map((name, i) => [name, values[i]!]));

/** The names of two records as a word; quoted, so that no names are taken for others whatever is in them. */
export const namesOf = (w: NamedTensors, λ: NamedTensors) =>
  JSON.stringify([Object.keys(w), Object.keys(λ)]);
