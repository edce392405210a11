import type { Scalars } from '../spaces';
import type { LoopState } from './loop-state';

/**
 * What the loop of a solve decides by: numbers that are read, or masks that stay on the device.
 *
 * `M` is a number or a scalar of the space. Questions are yielded as scalars, and answered by their
 * numbers.
 */
export interface Control<V, S, M> {
  readonly scalars: Scalars<M>;
  /** Scalars of the space as the loop decides by them. */
  known(values: readonly S[]): Generator<readonly S[], readonly M[], number[]>;
  /** `x` where the mask is 1, else `y`. */
  select(mask: M, x: V, y: V): V;
  /** Whether a mask is known to be 0. */
  isKnownZero(mask: M): boolean;
  /** Runs `make` and frees what it made, but for what it returns: that lives until it is freed. */
  hold<T>(make: () => T): T;
  /** Takes several iterations in one call, where the operator offers that; returns whether any was taken. */
  leap?(state: LoopState<V, S, M>): Generator<readonly S[], boolean, number[]>;
  /** Called after each iteration that was taken. */
  taken?(state: LoopState<V, S, M>, residual: M): void;
}
