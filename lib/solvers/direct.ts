import { NotFiniteError, UnsupportedError } from '../errors';
import { drive, driveAtOnce, type Pausing } from '../event-loop';
import { type LinearOperator, spaceOf, type Vector } from '../spaces';
import { checkDamping, checkedProducts, checkTolerance } from './checks';
import { readVectors, readVectorsSync } from './flat';
import { isOrdinary } from './scale';
import {
  type DeferredSolution,
  inTidy,
  type LinearSolver,
  type Solution,
  type SolveOptions,
  solverOf,
} from './solver';
import { powerAt, product } from './unit';

/** What a direct method is asked: it yields vectors that it wants to read, and is sent numbers. */
export type Reading<T> = Generator<readonly Vector[], T, Float64Array[]>;

/** Does its work in pieces, between which timers get a turn; nothing is read. */
export function* betweenReadings<T>(work: Pausing<T>): Reading<T> {
  for (;;) {
    const turn = work.next();
    if (turn.done) return turn.value;
    yield [];
  }
}

/** Solves `A x = b`, and returns the number of products as well; the value is kept, all else freed. */
export type DirectMethod = <V extends Vector>(
  A: LinearOperator<V>,
  b: V,
) => Reading<{ value: V; products: number }>;

/**
 * Makes a solver from a direct method; its result is checked by `b − A x`, as for all solvers.
 *
 * It reads whole vectors, so on a GPU only the asynchronous form works. A start is of no use to it.
 *
 * @throws InputError for a tolerance outside [0, 1) or negative damping.
 */
export function directSolver<
  R extends { readonly name: string; readonly tolerance: number; readonly damping: number },
>(record: R, method: DirectMethod): R & LinearSolver {
  checkTolerance(record.name, record.tolerance);
  checkDamping(record.name, record.damping);

  async function solve<V extends Vector>(
    A: LinearOperator<V>,
    b: V,
    { start }: SolveOptions<V> = {},
  ): Promise<Solution<V>> {
    return drive(judged(A, b, start, method, record), readVectors);
  }

  function solveSync<V extends Vector>(
    A: LinearOperator<V>,
    b: V,
    { start }: SolveOptions<V> = {},
  ): Solution<V> {
    const space = spaceOf(b);
    space.readSync([]);
    const solution = driveAtOnce(judged(A, b, start, method, record), readVectorsSync);
    return inTidy(space, solution);
  }

  function solveDeferred<V extends Vector>(
    A: LinearOperator<V>,
    b: V,
    options: SolveOptions<V> = {},
  ): DeferredSolution<V> {
    if (!spaceOf(b).readableNow()) {
      throw new UnsupportedError({
        given: `${record.name} in a step on a GPU, whose numbers cannot be read without waiting`,
        expected: 'a solver that uses only products, such as cg or minres',
        remedy: `Take one of those, or a smaller block on the wasm backend; by itself \`await ${record.name}().solve(A, b)\` works on a GPU too.`,
      });
    }
    const { value, ...report } = solveSync(A, b, options);
    return { value, report: async () => report, dispose() {} };
  }

  return solverOf(record, { solve, solveSync, solveDeferred });
}

function* judged<V extends Vector>(
  A: LinearOperator<V>,
  b: V,
  start: V | undefined,
  method: DirectMethod,
  { tolerance, damping }: { tolerance: number; damping: number },
): Reading<Solution<V>> {
  const space = spaceOf(b);
  if (start !== undefined) space.check(start, b, 'the start');
  const [numbers] = (yield [b]) as [Float64Array];
  const bNorm = norm(numbers);
  if (!Number.isFinite(bNorm)) {
    throw new NotFiniteError({
      given: `a right-hand side b with the norm ${bNorm}`,
      expected: 'finite numbers',
      remedy: 'Look for a NaN, or an overflow, in what the system is made of.',
    });
  }
  const hold = <T>(make: () => T): T => space.keep(space.tidy(make));
  const checked = checkedProducts(space, A);
  const { value, products } = yield* method(A, b);
  let result: Solution<V> | undefined;
  let residual: V | undefined;
  try {
    const [found] = (yield [value]) as [Float64Array];
    const unit = unitFor(space, norm(found));
    residual = hold(() => {
      const Ax =
        unit === 1
          ? checked.apply(value)
          : product(space, unit, checked.apply(product(space, 1 / unit, value)));
      const damped = damping ? space.axpy(space.scalars.of(damping), value, Ax) : Ax;
      return space.subtract(b, damped);
    });
    const [left] = (yield [residual]) as [Float64Array];
    const residualNorm = norm(left);
    if (residualNorm <= bNorm) {
      const status = residualNorm <= tolerance * bNorm ? 'converged' : 'max-iterations';
      result = { value, iterations: products, residualNorm, status };
    } else {
      const zero = hold(() => space.zeros(b));
      result = { value: zero, iterations: products, residualNorm: bNorm, status: 'diverged' };
    }
    return result;
  } finally {
    space.free([value, residual], result);
  }
}

/**
 * The power of two that a float32 vector of this norm is divided by before a product: 1 for ordinary ones.
 * In float64 products of small vectors do not vanish, and differences of a function need steps of their size.
 */
const unitFor = (space: { epsilon: number }, size: number): number => {
  const isSingle = space.epsilon > 1e-10;
  const isUsable = size > 0 && Number.isFinite(size);
  return isSingle && isUsable && !isOrdinary(space, size) ? powerAt(size) : 1;
};

/** `‖x‖₂`, without overflow of the squares. */
function norm(x: Float64Array): number {
  const largest = x.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
  if (largest === 0 || !Number.isFinite(largest)) return largest;
  return largest * Math.sqrt(x.reduce((sum, value) => sum + (value / largest) ** 2, 0));
}
