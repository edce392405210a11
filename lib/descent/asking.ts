import type { CountedOperator, Flat, FlatProducts } from '../autodiff';
import { driveAtOnce, driveWithPauses, type Pausing } from '../event-loop';
import {
  checkedDeferred,
  checkedSolution,
  type DeferredSolution,
  type LinearSolver,
  type Solution,
  type SolveOptions,
} from '../solvers';
import { type LinearOperator, type NamedTensors, tensors } from '../spaces';

/** A linear system that has to be solved on the way to something, and by whom. */
export type SolveRequest = TensorRequest | FlatRequest;

interface TensorRequest {
  solver: LinearSolver;
  A: LinearOperator<NamedTensors>;
  b: NamedTensors;
}

/** The same on vectors in the backend's memory, for a solver that asks no more of them than their space offers. */
interface FlatRequest {
  solver: LinearSolver;
  A: CountedOperator;
  b: NamedTensors;
  flat: FlatProducts;
}

/**
 * Work that asks for solutions of linear systems, and does not mind whether they are waited for; where it asks for
 * nothing, it can be left for a while.
 */
export type Asking<T> = Generator<
  SolveRequest | undefined,
  T,
  DeferredSolution<NamedTensors> | undefined
>;

/** Asks for one solution. */
export function* solutionOf(request: SolveRequest): Asking<DeferredSolution<NamedTensors>> {
  return (yield request)!;
}

/** Work that can be left for a while as a part of such work. */
export function* partOf<T>(work: Pausing<T>): Asking<T> {
  // Who breaks it off has no result for it.
  const open: Pausing<T | undefined> = work;
  try {
    for (;;) {
      const turn = work.next();
      if (turn.done) return turn.value;
      yield undefined;
    }
  } finally {
    open.return(undefined);
  }
}

/** The residual of a step is only reported: it is not worth a product of its own. */
const UNVERIFIED = { verify: false };

/** Does the work at once. */
export const atOnce = <T>(work: Asking<T>): T =>
  driveAtOnce(work, (request) => request && deferred(request));

/**
 * Does the work, and gives timers and drawing a turn where it can be left, and between the iterations of its solves.
 *
 * On a GPU nothing is waited for: the processor is free as soon as the work is handed over.
 */
export const inTurns = <T>(work: Asking<T>): Promise<T> => driveWithPauses(work, solved);

async function solved(request: SolveRequest): Promise<DeferredSolution<NamedTensors>> {
  const { solver } = request;
  if (!tensors.readableNow() || typeof solver.solve !== 'function') return deferred(request);
  if ('flat' in request)
    return inFlat(request, (b) => flatWays(solver).solve(request.A, b, UNVERIFIED));
  const { A, b } = request;
  return reported(checkedSolution(solver, await solver.solve(A, b, UNVERIFIED), tensors, b));
}

function deferred(request: SolveRequest): DeferredSolution<NamedTensors> {
  const { solver } = request;
  if ('flat' in request) {
    const { flat, A } = request;
    const b = flat.space.keep(flat.from(request.b));
    try {
      return asTensors(request, flatWays(solver).solveSync(A, b, UNVERIFIED), b);
    } finally {
      flat.space.free(b);
    }
  }
  const { A, b } = request;
  return checkedDeferred(solver, solver.solveDeferred(A, b, UNVERIFIED), tensors, b);
}

async function inFlat(
  request: FlatRequest,
  solve: (b: Flat) => Promise<Solution<Flat>>,
): Promise<DeferredSolution<NamedTensors>> {
  const { flat } = request;
  const b = flat.space.keep(flat.from(request.b));
  try {
    return asTensors(request, await solve(b), b);
  } finally {
    flat.space.free(b);
  }
}

/** The solution as tensors, the caller's. */
function asTensors({ solver, flat }: FlatRequest, found: Solution<Flat>, b: Flat) {
  const solution = checkedSolution(solver, found, flat.space, b);
  try {
    return reported({ ...solution, value: flat.toTensors(solution.value) });
  } finally {
    flat.space.free(solution.value);
  }
}

const reported = <V>({ value, ...report }: Solution<V>): DeferredSolution<V> => ({
  value,
  report: async () => report,
  dispose() {},
});

interface FlatWays {
  solve(A: CountedOperator, b: Flat, options: SolveOptions<Flat>): Promise<Solution<Flat>>;
  solveSync(A: CountedOperator, b: Flat, options: SolveOptions<Flat>): Solution<Flat>;
}

/** The solver's ways, whose types accept only vectors whose space can be found from their type. */
const flatWays = (solver: LinearSolver) => solver as unknown as FlatWays;
