import { InputError, NotFiniteError } from '../errors';
import { drive, giveWay, withPauses } from '../event-loop';
import { factorize, factorizeInPieces, multiply } from '../numbers';
import { checkNoMore, checkOptionNames } from '../options';
import {
  float64,
  holding,
  type LinearOperator,
  type Space,
  shifted,
  spaceFor,
  spaceOf,
  type Vector,
} from '../spaces';
import { blockCg } from './block-cg';
import { type CgOptions, cg } from './cg';
import { checkedSolution } from './checked-solution';
import { checkedProducts, checkOperator, checkSolver } from './checks';
import { type DenseOptions, matrixOf } from './dense';
import { readVectors, sizeOf, vectorOf } from './flat';
import { numbersOf } from './in-turns';
import { isLibrarySolver, type LinearSolver, type Solution } from './solver';

export interface SolveManyOptions {
  /** Default `cg()`. */
  solver?: LinearSolver;
}

/** A start from earlier solutions is taken where it leaves less than this part of b. */
const WORTH = 0.5;

/**
 * Solves `A xᵢ = bᵢ` for several right-hand sides with one operator, and so one recording.
 *
 * `dense()` forms and factorizes its matrix once. `cg()` solves all together by block conjugate
 * gradients, of which an iteration costs a product for each right-hand side that is not solved and
 * not made up by the others, at once where A has `applyAll`; it holds three vectors for each,
 * eight within an iteration, and copies of the right-hand sides. (With a
 * preconditioner, a trace, `best: 'energy'` or another inner product it solves one after the other.)
 * Any other solver, your own and a wrapped one too, solves one system after the other, each from the combination of the solutions so
 * far whose right-hand sides come nearest to its own, where that is near: right-hand sides that
 * depend on each other are solved in next to no products, others as by themselves.
 *
 * Products of the block against those of single solves, for 400 unknowns to 1e-8 (the ratio for 2, 8 and
 * 16 right-hand sides): 1.3, 2.5 and 2.8 with 10 large eigenvalues; 1.6, 2.7 and 3.4 with 10 small ones;
 * 1.1, 2.0 and 3.1 at κ = 100, evenly spread; 1.2, 4.8 and 13 at κ = 10⁴ in a geometric series. A product has to
 * cost more than s vector operations for s right-hand sides.
 *
 * @returns a solution for each, in their order; values belong to the caller
 * @throws InputError for anything but an array of vectors and a solver; what the solver throws
 */
export async function solveMany<V extends Vector>(
  A: LinearOperator<V>,
  bs: readonly V[],
  options: SolveManyOptions = {},
): Promise<Solution<V>[]> {
  checkNoMore('solveMany', arguments, 3);
  checkOptionNames('solveMany', options, ['solver']);
  const { solver = cg() } = options;
  checkOperator('solveMany', A);
  checkSolver('solveMany', solver, 'solve');
  if (!Array.isArray(bs)) {
    throw new InputError({
      given: 'right-hand sides that are not an array',
      expected: 'an array of vectors',
      remedy: 'For a single one use solver.solve(A, b).',
    });
  }
  const [first] = bs;
  if (first === undefined) return [];
  const space = spaceFor(first, 'the first right-hand side of solveMany');
  for (const b of bs) space.check(b, first, 'a right-hand side');
  return holding([...bs], (...held) => solveAll(A, held, solver));
}

/** The same for right-hand sides that nobody else changes, of which there is one at least. */
async function solveAll<V extends Vector>(
  A: LinearOperator<V>,
  bs: readonly V[],
  solver: LinearSolver,
): Promise<Solution<V>[]> {
  const [first] = bs as readonly [V];
  const space = spaceOf(first);
  const solutions: Solution<V>[] = [];
  try {
    await giveWay();
    if (isDense(solver) && sizeOf(first) <= (solver.limit ?? 0)) {
      return await byOneFactorization(space, A, bs, solver);
    }
    if (isBlockSolver(solver) && A.space === undefined && bs.length > 1) {
      const together = await byBlock(space, A, bs, solver);
      if (together !== undefined) return together;
    }
    for (const [i, b] of bs.entries()) {
      const start = await nearest(space, b, bs.slice(0, i), solutions);
      try {
        const found = await solver.solve(A, b, start === undefined ? {} : { start });
        solutions.push(checkedSolution(solver, found, space, b));
      } finally {
        space.free(start);
      }
    }
    return solutions;
  } catch (error) {
    space.free(solutions);
    throw error;
  }
}

/** Whether a solver is `dense`. */
const isDense = (solver: LinearSolver): solver is LinearSolver & DenseOptions =>
  isLibrarySolver(solver) && solver.name === 'dense';

/** Whether a solver is `cg` with nothing that a block of right-hand sides does not know. */
const isBlockSolver = (solver: LinearSolver): solver is LinearSolver & CgOptions => {
  const { preconditioner, trace, best } = solver as CgOptions;
  const isPlain = preconditioner === undefined && trace === undefined && best !== 'energy';
  return isLibrarySolver(solver) && solver.name === 'cg' && isPlain;
};

/** All at once; then each by itself, from where the block has led it, which looks at its residual. */
async function byBlock<V extends Vector>(
  space: Space<V, unknown>,
  A: LinearOperator<V>,
  bs: readonly V[],
  { tolerance = 1e-6, maxIterations = 100, damping = 0 }: CgOptions,
): Promise<Solution<V>[] | undefined> {
  const checked = checkedProducts(space, A);
  const shiftedA = damping ? shifted(space, checked, damping) : checked;
  const block = await blockCg(space, shiftedA, bs, { tolerance, maxIterations });
  if (block === undefined) return undefined;
  const solutions: Solution<V>[] = [];
  try {
    for (const [i, b] of bs.entries()) {
      const taken = block.iterations[i]!;
      const left = Math.max(1, maxIterations - taken);
      const last = cg({ tolerance, damping, maxIterations: left });
      const { iterations, ...rest } = await last.solve(A, b, { start: block.values[i]! });
      solutions.push({ ...rest, iterations: taken + iterations });
    }
    return solutions;
  } catch (error) {
    space.free(solutions);
    throw error;
  } finally {
    space.free(block.values);
  }
}

/** The combination of earlier solutions for the combination of their right-hand sides nearest to b. */
async function nearest<V extends Vector>(
  space: Space<V, unknown>,
  b: V,
  earlier: readonly V[],
  solutions: readonly Solution<V>[],
): Promise<V | undefined> {
  const size = earlier.length;
  if (size === 0) return undefined;
  const numbers = await numbersOf(space, [
    ...[...earlier, b].map((x) => () => space.norm(x)),
    ...earlier.flatMap((x) => [...earlier, b].map((y) => () => space.dot(x, y))),
  ]);
  const lengths = numbers.slice(0, size + 1);
  const length = lengths[size]!;
  if (!lengths.every((l) => l > 0 && Number.isFinite(l))) return undefined;
  const cosine = (i: number, j: number) =>
    numbers[size + 1 + i * (size + 1) + j]! / lengths[i]! / lengths[j]!;
  const entries = new Float64Array(size * size);
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < size; j++) entries[i * size + j] = cosine(i, j);
  }
  const right = Float64Array.from({ length: size }, (_, i) => cosine(i, size));
  if (![...entries, ...right].every(Number.isFinite)) return undefined;
  const shares = factorize({ size, entries }, 1e3 * space.epsilon)(right);
  const explained = shares.reduce((sum, share, i) => sum + share * right[i]!, 0);
  if (!(1 - explained < WORTH ** 2)) return undefined;
  return space.keep(
    space.tidy(() =>
      solutions.reduce(
        (sum, { value }, i) =>
          space.axpy(space.scalars.of((shares[i]! * length) / lengths[i]!), value, sum),
        space.zeros(b),
      ),
    ),
  );
}

/** Each judged by `b − A x` with the matrix as it was read; only the first one paid for products. */
async function byOneFactorization<V extends Vector>(
  space: Space<V, unknown>,
  A: LinearOperator<V>,
  bs: readonly V[],
  { tolerance = 1e-6, damping = 0 }: DenseOptions,
): Promise<Solution<V>[]> {
  const size = sizeOf(bs[0]!);
  const { entries } = await drive(matrixOf(A, bs[0]!), readVectors);
  for (let i = 0; i < size; i++) entries[i * (size + 1)]! += damping;
  const rows = Array.from({ length: size }, (_, i) => entries.subarray(i * size, (i + 1) * size));
  const solve = await withPauses(factorizeInPieces({ size, entries }, space.epsilon));
  const rights = await readVectors(bs);
  const lengths = rights.map((b) => float64.norm(b));
  const odd = lengths.findIndex((length) => !Number.isFinite(length));
  if (odd >= 0) throw notFinite(odd);
  const solutions: Solution<V>[] = [];
  for (const [k, b] of rights.entries()) {
    await giveWay();
    const x = solve(b);
    const left = float64.norm(float64.subtract(b, multiply(rows, x)));
    const length = lengths[k]!;
    const sound = left <= length;
    const status = left <= tolerance * length ? 'converged' : sound ? 'max-iterations' : 'diverged';
    solutions.push({
      value: space.keep(vectorOf(sound ? x : new Float64Array(size), bs[k]!)),
      iterations: k === 0 ? size : 0,
      residualNorm: sound ? left : length,
      status,
    });
  }
  return solutions;
}

function notFinite(place: number) {
  return new NotFiniteError({
    given: `a right-hand side, number ${place}, that has a NaN or an infinity`,
    expected: 'finite numbers',
    remedy: 'Look for a NaN, or an overflow, in what the system is made of.',
  });
}
