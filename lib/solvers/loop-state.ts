import type { Iterate, IterativeMethod, LinearSystem } from './method';

/** A vector, and the squared residual that the recurrence claims for it. */
export interface Claimed<V, M> {
  x: V;
  residual: M;
}

/**
 * The iterations of a solve under way. What decides is a number where numbers are read (M is `number`),
 * else a scalar on the device (M is S).
 */
export interface LoopState<V, S, M> {
  readonly system: LinearSystem<V, S>;
  readonly method: IterativeMethod;
  /** The squared residual that counts as solved. */
  readonly goal: M;
  /** The squared residual that counts as divergence. */
  readonly limit: M;
  readonly maxIterations: number;
  /** How many iterations were computed. */
  computed: number;
  /** How many of them were taken. */
  iterations: M;
  current: Iterate<V, S>;
  /** The iterate to return. */
  best: Claimed<V, M>;
  /** The one of least residual: the result where an operator falls below its floor, or a sum diverges. */
  fallback: Claimed<V, M> | undefined;
  /** The least residual so far of a method whose residual can only shrink. */
  least: M;
  /** The mask of whether iterations are still taken. */
  active: M;
  /** `pᵀAp` of the last iteration while they were taken. */
  curvature: M;
  /** The mask of whether that one could be taken. */
  sound: M;
}
