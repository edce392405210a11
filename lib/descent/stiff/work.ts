import { giveWay } from '../../event-loop';
import { checkedSolution, type LinearSolver, type Solution } from '../../solvers';
import { float64, type LinearOperator } from '../../spaces';

interface LinearSystem {
  solver: LinearSolver;
  A: LinearOperator<Float64Array>;
  b: Float64Array;
}

/** Work that can be left for a while at each `yield`; what it asks for there are solutions of systems. */
export type Work<T> = Generator<LinearSystem | undefined, T, Solution<Float64Array> | undefined>;

/** Asks for the solution of a system. */
export function* solution(system: LinearSystem): Work<Solution<Float64Array>> {
  return (yield system)!;
}

/** Does the work in one piece. */
export function atOnce<T>(work: Work<T>): T {
  let turn = work.next();
  while (!turn.done) {
    const system = turn.value;
    turn = work.next(system && checked(system, system.solver.solveSync(system.A, system.b)));
  }
  return turn.value;
}

/** Does the work, and gives timers and drawing a turn where it can be left. */
export async function inTurns<T>(work: Work<T>): Promise<T> {
  let turn = work.next();
  while (!turn.done) {
    const system = turn.value;
    const pause = giveWay();
    if (pause !== undefined) await pause;
    turn = work.next(system && checked(system, await solved(system)));
  }
  return turn.value;
}

const checked = ({ solver, b }: LinearSystem, found: Solution<Float64Array>) =>
  checkedSolution(solver, found, float64, b);

const solved = async ({ solver, A, b }: LinearSystem): Promise<Solution<Float64Array>> =>
  typeof solver.solve === 'function' ? solver.solve(A, b) : solver.solveSync(A, b);
