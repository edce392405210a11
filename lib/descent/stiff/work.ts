import { drive, driveAtOnce, giveWay } from '../../event-loop';
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
export const atOnce = <T>(work: Work<T>): T =>
  driveAtOnce(
    work,
    (system) => system && checked(system, system.solver.solveSync(system.A, system.b)),
  );

/** Does the work, and gives timers and drawing a turn where it can be left. */
export const inTurns = <T>(work: Work<T>): Promise<T> =>
  drive(work, async (system) => {
    const pause = giveWay();
    if (pause !== undefined) await pause;
    return system && checked(system, await solved(system));
  });

function checked({ solver, b }: LinearSystem, found: Solution<Float64Array>) {
  return checkedSolution(solver, found, float64, b);
}

async function solved({ solver, A, b }: LinearSystem): Promise<Solution<Float64Array>> {
  return typeof solver.solve === 'function' ? solver.solve(A, b) : solver.solveSync(A, b);
}
