import type * as tf from '@tensorflow/tfjs';
import type { Pausing } from '../event-loop';
import type { NamedTensors } from '../spaces';
import type { Curvature } from './curvature';
import type { CurvatureKind } from './curvature-kind';
import type { Layer } from './row-space';
import type { Select } from './select';
import type { Tape } from './tape';

/** A loss that was computed, and what it is to be differentiated with respect to. */
export interface Started {
  loss: tf.Scalar;
  /** Owned by the tape. */
  value: tf.Scalar;
  variables: NamedTensors;
  /** The variables among which the products of the curvature are taken. */
  block: NamedTensors;
  /** The outputs of the network that were marked. */
  cuts: readonly tf.Tensor[];
}

/** How a curvature of one kind is recorded: first the loss, then its gradient. */
export interface Recorder<R extends { gradient: NamedTensors }> {
  kind: CurvatureKind;
  start(tape: Tape, f: () => tf.Scalar, select: Select): Started;
  differentiate(tape: Tape, started: Started): Pausing<R>;
  /** The curvature by what is on a tape. */
  onTape(tape: Tape, recorded: R): Curvature;
  /** Its products while the tape is recorded, in kernels that can be traced. */
  products(tape: Tape, recorded: R): TraceableProducts;
}

/** Products that can be traced, in the order of the block; what they return is kept. */
export interface TraceableProducts {
  whole(v: tf.Tensor[]): Pausing<tf.Tensor[]>;
  /** Those in the row space that is worthwhile for that number of products; undefined where there is none. */
  rows(products: number): Pausing<TraceableRows | undefined>;
}

export interface TraceableRows {
  layers: readonly (Layer | undefined)[];
  /** The coordinates of the gradient. */
  gradient: readonly tf.Tensor[];
  /** The coordinates of a product, from those of a vector times the weights of the inner product. */
  weighed(v: tf.Tensor[]): Pausing<tf.Tensor[]>;
}

/** Computes the loss and its gradient, and all that the curvature is made of. */
export function* recordedBy<R extends { gradient: NamedTensors }>(
  { start, differentiate }: Recorder<R>,
  tape: Tape,
  f: () => tf.Scalar,
  select: Select,
): Pausing<R> {
  const started = start(tape, f, select);
  yield;
  return yield* differentiate(tape, started);
}
