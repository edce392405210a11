import { isLibrarySolver, type LinearSolver, type Solution, type SolveOptions } from '../solvers';
import type { LinearOperator, Space } from '../spaces';

/**
 * Solves in the space of the operator, whatever its vectors are: only for a solver that asks no more
 * of them than the space offers.
 */
export function solveIn<V>(
  solver: LinearSolver,
  A: LinearOperator<V> & { space: Space<V, unknown> },
  b: V,
  options: SolveOptions<V> = {},
): Promise<Solution<V>> {
  // The type of `solve` accepts only vectors whose space can be found from their type.
  const solve = solver.solve as unknown as (
    A: LinearOperator<V>,
    b: V,
    options: SolveOptions<V>,
  ) => Promise<Solution<V>>;
  return solve(A, b, options);
}

/** The same without waiting. */
export function solveSyncIn<V>(
  solver: LinearSolver,
  A: LinearOperator<V> & { space: Space<V, unknown> },
  b: V,
  options: SolveOptions<V> = {},
): Solution<V> {
  const solve = solver.solveSync as unknown as (
    A: LinearOperator<V>,
    b: V,
    options: SolveOptions<V>,
  ) => Solution<V>;
  return solve(A, b, options);
}

/**
 * How a solve is asked for. The recurrence of a series has its residual to rounding, since it never
 * turns: another product to verify it is saved.
 */
export const solveOptions = <V>(
  solver: LinearSolver,
  diagnose: boolean,
  start: V | undefined,
): SolveOptions<V> => ({
  ...(start !== undefined && { start }),
  ...(isLibrarySolver(solver) && !diagnose && { residual: false }),
  ...(isLibrarySolver(solver) && diagnose && solver.name === 'neumann' && { verify: false }),
});
