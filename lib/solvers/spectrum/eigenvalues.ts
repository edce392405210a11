import { InputError } from '../../errors';
import { tridiagonalEigen } from '../../numbers';
import { checkNoMore, checkOptionNames, checkRecord, shown } from '../../options';
import type { LinearOperator, Vector } from '../../spaces';
import { checkCountOption, checkTolerance } from '../checks';
import { combined } from '../in-turns';
import { emptyKrylov, type Krylov, type LanczosSetting, lanczos, unit } from './lanczos';
import { type Operand, operandOf, type SpectrumOptions } from './operand';

export interface EigenvaluesOptions<V> extends SpectrumOptions<V> {
  /** k, to find the k largest eigenvalues (not: largest in modulus). */
  largest?: number;
  /** k, to find the k smallest ones; either this or `largest`. */
  smallest?: number;
  /**
   * How far from an eigenvalue a value may be, in units of the largest modulus met. Default 1e-8
   * in float64, 1e-4 for tensors.
   */
  tolerance?: number;
  /**
   * The largest number of products, at least 2 k: k of them compute the residuals. A vector is held for each
   * other one. Default `200 + 20 k`.
   */
  maxProducts?: number;
}

export interface Eigenvalues {
  /** In descending order for `largest`, ascending for `smallest`; multiple ones several times. */
  values: Float64Array;
  /** `‖A x − s x‖` of each: no further is an eigenvalue of a symmetric A. */
  residuals: Float64Array;
  /** Whether all residuals are within the tolerance, or the products were used up before. */
  status: 'converged' | 'max-iterations';
  products: number;
}

/** A value found, as the solver sees it. */
interface Pair<V> {
  value: number;
  residual: number;
  vector: V;
}

/**
 * The largest or the smallest eigenvalues of a symmetric operator, using only products.
 *
 * Lanczos steps from a random vector, each vector made orthogonal to all before it, give the Ritz
 * values; extreme ones converge first, in about `√(L/gap)` steps. Then the same again in the space that is
 * orthogonal to those found, for eigenvalues that occur several times, of which a single Krylov
 * space sees one copy. Values found are never above the largest eigenvalue or below the smallest,
 * but for rounding.
 *
 * @returns values, residuals, a status, the number of products
 * @throws InputError for options out of range, or an operator whose space is unknown;
 * NotFiniteError for a product with a NaN.
 * @see Golub & Van Loan, [Matrix Computations](https://doi.org/10.56021/9781421407944), 4th ed.,
 *   §10.1; Parlett, [The Symmetric Eigenvalue Problem](https://doi.org/10.1137/1.9781611971163),
 *   chapter 13.
 */
export async function eigenvalues<V extends Vector>(
  A: LinearOperator<V>,
  options: EigenvaluesOptions<V>,
): Promise<Eigenvalues> {
  checkNoMore('eigenvalues', arguments, 2);
  checkOptionNames('eigenvalues', options ?? {}, [
    'largest',
    'smallest',
    'tolerance',
    'maxProducts',
    'like',
    'seed',
  ]);
  const { count, sign } = wanted(options);
  const operand = operandOf('eigenvalues', A, options);
  const { space, size } = operand;
  checkWithin(count, size);
  const { maxProducts = 200 + 20 * count } = options;
  const { tolerance = space.epsilon > 1e-10 ? 1e-4 : 1e-8 } = options;
  checkCountOption('eigenvalues', 'maxProducts', maxProducts);
  checkEnough(count, maxProducts);
  checkTolerance('eigenvalues', tolerance);

  const found: Pair<V>[] = [];
  try {
    const search = { operand, sign, tolerance, maxProducts, scale: 0 };
    found.push(...(await extremes(search, count, [])));
    let status: Eigenvalues['status'] = 'converged';
    while (found.length < size) {
      if (operand.products + 2 > maxProducts) {
        status = 'max-iterations';
        break;
      }
      const last = sorted(found, sign)[count - 1]!;
      const [next] = await extremes(search, 1, found, last.value);
      // A run that was cut off has not shown that no other exists.
      if (operand.products === maxProducts) status = 'max-iterations';
      if (next === undefined) break;
      if (sign * (next.value - last.value) <= tolerance * search.scale) {
        space.free(next.vector);
        break;
      }
      found.push(next);
    }
    const chosen = sorted(found, sign).slice(0, count);
    const exact = chosen.every(({ residual }) => residual <= 2 * tolerance * search.scale);
    return {
      values: Float64Array.from(chosen, ({ value }) => value),
      residuals: Float64Array.from(chosen, ({ residual }) => residual),
      status: exact ? status : 'max-iterations',
      products: operand.products,
    };
  } finally {
    space.free(found);
  }
}

interface Search<V> {
  operand: Operand<V>;
  /** 1 for the largest, −1 for the smallest. */
  sign: 1 | -1;
  tolerance: number;
  maxProducts: number;
  /** The largest modulus met. */
  scale: number;
}

/** The number of steps after which a Ritz value well below what matters is believed to stay there. */
const ENOUGH = 20;

/**
 * The `count` extreme eigenpairs in what is orthogonal to some others; the vectors are held.
 *
 * @param least the value from which on they are of interest
 */
async function extremes<V>(
  search: Search<V>,
  count: number,
  others: readonly Pair<V>[],
  least = -search.sign * Number.POSITIVE_INFINITY,
): Promise<Pair<V>[]> {
  const { operand, sign, tolerance, maxProducts } = search;
  const { space, size } = operand;
  const dimension = size - others.length;
  const setting: LanczosSetting<V> = {
    space,
    async multiply(v) {
      const Av = await operand.multiply(v);
      const signed = space.keep(space.tidy(() => space.scale(space.scalars.of(sign), Av)));
      space.free(Av, signed);
      return signed;
    },
    draw: operand.normals,
    without: others.map(({ vector }) => vector),
    dimension: size,
  };
  const krylov = emptyKrylov<V>();
  try {
    for await (const steps of lanczos(setting, krylov)) {
      // Looking costs steps² operations, so it is done every tenth part of the way.
      // One product for each pair is left, for its residual.
      if (operand.products + count >= maxProducts || steps === dimension) break;
      if (steps % Math.max(1, Math.floor(steps / 10)) !== 0) continue;
      const bounds = boundsOf(krylov);
      search.scale = Math.max(search.scale, bounds.scale);
      if (steps >= ENOUGH && bounds.residuals[0]! <= (sign * least - bounds.largest) / 10) break;
      const converged = bounds.residuals
        .slice(0, count)
        .every((residual) => residual <= tolerance * search.scale);
      if (steps >= count && converged) break;
    }
    return await ritzPairs(search, krylov, count);
  } finally {
    space.free(krylov.basis);
  }
}

/** The Ritz values' distances from an eigenvalue are at most these. */
function boundsOf<V>({ diagonal, off }: Krylov<V>) {
  const size = diagonal.length;
  const lastRow = new Float64Array(size);
  lastRow[size - 1] = 1;
  const { values, rows } = tridiagonalEigen(diagonal, off, [lastRow]);
  return {
    largest: values[0]!,
    residuals: rows[0]!.map((share) => Math.abs(share * off[size - 1]!)),
    scale: Math.max(Math.abs(values[0]!), Math.abs(values[size - 1]!)),
  };
}

async function ritzPairs<V>(
  search: Search<V>,
  { basis, diagonal, off }: Krylov<V>,
  count: number,
): Promise<Pair<V>[]> {
  const { operand } = search;
  const { space } = operand;
  const { of, subtract } = space.scalars;
  const identity = basis.map((_, i) => Float64Array.from(basis, (_, j) => (i === j ? 1 : 0)));
  const { values, rows } = tridiagonalEigen(diagonal, off, identity);
  search.scale = Math.max(search.scale, Math.abs(values[0]!), Math.abs(values[values.length - 1]!));
  const pairs: Pair<V>[] = [];
  try {
    for (let i = 0; i < Math.min(count, basis.length); i++) {
      const shares = basis.map((_, j) => rows[j]![i]!);
      const mixed = await combined(space, shares, basis);
      const vector = space.keep(space.tidy(() => unit(space, mixed)));
      space.free(mixed);
      pairs.push({ vector, value: Number.NaN, residual: Number.NaN });
      const Ax = await operand.multiply(vector);
      const facts = space.keep(
        space.tidy(() => {
          const value = space.dot(vector, Ax);
          const rest = space.axpy(subtract(of(0), value), vector, Ax);
          return [value, space.norm(rest)];
        }),
      );
      space.free(Ax);
      const [value, residual] = (await space.read(facts)) as [number, number];
      space.free(facts);
      Object.assign(pairs.at(-1)!, { value, residual });
    }
    return pairs;
  } catch (error) {
    space.free(pairs);
    throw error;
  }
}

const sorted = <V>(pairs: readonly Pair<V>[], sign: number) =>
  [...pairs].sort((a, b) => sign * (b.value - a.value));

function wanted(options: { largest?: number; smallest?: number } = {}) {
  checkRecord(options, 'the options of eigenvalues', '{ largest } or { smallest }');
  const { largest, smallest } = options;
  if ((largest === undefined) === (smallest === undefined)) {
    throw new InputError({
      given: `eigenvalues({ largest: ${shown(largest)}, smallest: ${shown(smallest)} })`,
      expected: 'one of the two: how many of the largest, or of the smallest',
      remedy: 'Ask for the largest and for the smallest one after the other.',
    });
  }
  checkCountOption(
    'eigenvalues',
    largest === undefined ? 'smallest' : 'largest',
    (largest ?? smallest)!,
  );
  return { count: (largest ?? smallest)!, sign: largest === undefined ? -1 : 1 } as const;
}

function checkEnough(count: number, maxProducts: number) {
  if (maxProducts >= 2 * count) return;
  throw new InputError({
    given: `${shown(count)} eigenvalues with maxProducts: ${shown(maxProducts)}`,
    expected: `at least ${2 * count} products`,
    remedy: 'Each value takes a step to find it and a product for its residual.',
  });
}

function checkWithin(count: number, size: number) {
  if (count <= size) return;
  throw new InputError({
    given: `${shown(count)} eigenvalues of an operator on ${shown(size)} numbers`,
    expected: `at most ${size} eigenvalues`,
    remedy: 'A symmetric operator has as many eigenvalues as its vectors have numbers.',
  });
}
