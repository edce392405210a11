import type { LinearOperator, NamedTensors, Space } from '../../spaces';
import type { Flat } from './flat';

/** What a linear system is made of, besides a curvature C. */
export interface FlatSystem {
  /** δ. */
  delta: number;
  /** The diagonal of S, if that is not the identity. */
  scale?: NamedTensors;
  /** See {@link LinearOperator}. */
  floor?: number;
}

/** A matrix of a linear system, which counts its products. */
export interface CountedOperator extends LinearOperator<Flat> {
  readonly space: Space<Flat, number>;
  readonly products: number;
}

/** Products with a curvature C on vectors in the backend's memory. */
export interface FlatProducts {
  readonly space: Space<Flat, number>;
  /** A copy in that memory. */
  from(x: NamedTensors): Flat;
  /** A copy as tensors, the caller's. */
  toTensors(x: Flat): NamedTensors;
  /** `I + δ S C S`; it goes with the curvature. */
  system(parts: FlatSystem): CountedOperator;
}
