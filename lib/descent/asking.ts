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
export function atOnce<T>(work: Asking<T>): T {
  let turn = work.next();
  while (!turn.done) {
    let solution: DeferredSolution<NamedTensors>;
    try {
      solution = deferred(turn.value);
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

async function solved(request: SolveRequest): Promise<DeferredSolution<NamedTensors>> {
  const { solver, A, b } = request;
  if (!tensors.readableNow() || typeof solver.solve !== 'function') return deferred(request);
  const found = checkedSolution(solver, await solver.solve(A, b, UNVERIFIED), tensors, b);
  const { value, ...report } = found;
  return { value, report: async () => report, dispose() {} };
}

const deferred = ({ solver, A, b }: SolveRequest): DeferredSolution<NamedTensors> =>
  checkedDeferred(solver, solver.solveDeferred(A, b, UNVERIFIED), tensors, b);
