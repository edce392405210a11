import type { LoopState } from './loop-state';

/** A solve under way whose numbers are read: its iterations, and what was computed of their results. */
export interface SolveState<V, S> extends LoopState<V, S, number> {
  /** Whether the residual that the recurrence claims is to be looked at. */
  readonly isToVerify: (isSolved: boolean) => boolean;
  /** The caller's start, which is not ours to free. */
  readonly start: V | undefined;
  /** The last iterate whose residual was computed as `b − A x`; without x it is zero. */
  verified: { x: V | undefined; residual: number; energy: number };
}
