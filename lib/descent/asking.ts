import type { DeferredSolution, LinearSolver } from '../solvers';
import { type LinearOperator, type NamedTensors, tensors } from '../spaces';

/** A linear system that has to be solved on the way to something, and by whom. */
export interface SolveRequest {
  solver: LinearSolver;
  A: LinearOperator<NamedTensors>;
  b: NamedTensors;
}

/** Work that asks for solutions of linear systems, and does not mind whether they are waited for. */
export type Asking<T> = Generator<SolveRequest, T, DeferredSolution<NamedTensors>>;

/** The residual of a step is only reported: it is not worth a product of its own. */
const UNVERIFIED = { verify: false };

/** Does the work at once. */
export function atOnce<T>(work: Asking<T>): T {
  let turn = work.next();
  while (!turn.done) {
    const { solver, A, b } = turn.value;
    let solution: DeferredSolution<NamedTensors>;
    try {
      solution = solver.solveDeferred(A, b, UNVERIFIED);
    } catch (error) {
      turn = work.throw(error);
      continue;
    }
    turn = work.next(solution);
  }
  return turn.value;
}

/**
 * Does the work, and gives timers and drawing a turn between the iterations of its solves.
 *
 * On a GPU nothing is waited for: the processor is free as soon as the work is handed over.
 */
export async function inTurns<T>(work: Asking<T>): Promise<T> {
  let turn = work.next();
  while (!turn.done) {
    let solution: DeferredSolution<NamedTensors>;
    try {
      solution = await solved(turn.value);
    } catch (error) {
      turn = work.throw(error);
      continue;
    }
    turn = work.next(solution);
  }
  return turn.value;
}

async function solved({ solver, A, b }: SolveRequest): Promise<DeferredSolution<NamedTensors>> {
  if (!tensors.readableNow() || typeof solver.solve !== 'function') {
    return solver.solveDeferred(A, b, UNVERIFIED);
  }
  const { value, ...report } = await solver.solve(A, b, UNVERIFIED);
  return { value, report: async () => report, dispose() {} };
}
