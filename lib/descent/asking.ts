import { drive, driveAtOnce } from '../event-loop';
import {
  checkedDeferred,
  checkedSolution,
  type DeferredSolution,
  type LinearSolver,
} from '../solvers';
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
export const atOnce = <T>(work: Asking<T>): T => driveAtOnce(work, deferred);

/**
 * Does the work, and gives timers and drawing a turn between the iterations of its solves.
 *
 * On a GPU nothing is waited for: the processor is free as soon as the work is handed over.
 */
export const inTurns = <T>(work: Asking<T>): Promise<T> => drive(work, solved);

async function solved(request: SolveRequest): Promise<DeferredSolution<NamedTensors>> {
  const { solver, A, b } = request;
  if (!tensors.readableNow() || typeof solver.solve !== 'function') return deferred(request);
  const found = checkedSolution(solver, await solver.solve(A, b, UNVERIFIED), tensors, b);
  const { value, ...report } = found;
  return { value, report: async () => report, dispose() {} };
}

function deferred({ solver, A, b }: SolveRequest): DeferredSolution<NamedTensors> {
  return checkedDeferred(solver, solver.solveDeferred(A, b, UNVERIFIED), tensors, b);
}
