import type { Iterate, IterativeMethod, LinearSystem } from './method';
import type { SolverTrace } from './trace';

/** A solve under way. */
export interface SolveState<V, S> {
  system: LinearSystem<V, S>;
  method: IterativeMethod;
  /** The squared residual that counts as solved. */
  goal: number;
  /** The squared residual that counts as divergence. */
  limit: number;
  maxIterations: number;
  trace: SolverTrace | undefined;
  /** Whether the residual that the recurrence claims is to be looked at. */
  isToVerify(isSolved: boolean): boolean;
  iterations: number;
  /** The caller's start, which is not ours to free. */
  start: V | undefined;
  current: Iterate<V, S>;
  /** The iterate to return, with the residual that the recurrence claims for it. */
  best: { x: V; residual: number };
  /** The one of least residual: the result where an operator falls below its floor, or a sum diverges. */
  fallback: { x: V; residual: number } | undefined;
  /** The last iterate whose residual was computed as `b − A x`; without x it is zero. */
  verified: { x: V | undefined; residual: number; energy: number };
}
