import type * as tf from '@tensorflow/tfjs';
import type { NamedTensors } from '../spaces';

/** Which tensors a recorded loss is differentiated with respect to. */
export interface Selection {
  variables: NamedTensors;
  /** The variables among which the products of the curvature are taken. */
  block: NamedTensors;
}

/** Selects once the loss has been computed, while its tape runs. */
export type Select = (loss: tf.Scalar) => Selection;

/** All of these, and products among all. */
export const always =
  (variables: NamedTensors): Select =>
  () => ({ variables, block: variables });
