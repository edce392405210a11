import { checkFunction } from '../options';

/** What a solver knows after an iteration. */
export interface TracedIteration {
  /** From 1; a restart counts on. */
  iteration: number;
  /** `‖b − A x‖₂` as the method's recurrence has it, which rounding may let drift from the truth. */
  residualNorm: number;
  /** `pᵀAp` of the direction just taken, of a system scaled to a moderate b; 1 where the method has none. */
  curvature: number;
}

/** What is called after each iteration; it should not change the system. */
export type SolverTrace = (iteration: TracedIteration) => void;

/** An option of every iterative solver. */
export interface TraceOption {
  /**
   * Called after each iteration of `solve` and `solveSync`, and of `solveDeferred` where numbers can be
   * read without waiting. On a GPU `solveDeferred` reads nothing and calls nothing. What it throws ends
   * the solve.
   */
  trace?: SolverTrace;
}

/**
 * The option as a part of a solver's record; absent where it was not given.
 *
 * @throws InputError unless it is a function.
 */
export function traced(name: string, { trace }: TraceOption): TraceOption {
  if (trace === undefined) return {};
  checkFunction(trace, `the trace of ${name}`);
  return { trace };
}
