import { DisposedError, InputError, NotFiniteError } from '../errors';
import { type Pausing, withPauses } from '../event-loop';
import { type Eigen, eigenSymmetricInPieces, random, type SquareMatrix } from '../numbers';
import { checkNoMore, checkOptionNames } from '../options';
import { type LinearOperator, type Space, spaceFor, type Vector } from '../spaces';
import { checkCountOption, checkDamping, checkedProducts, checkOperator } from './checks';
import { sizeOf, vectorOf } from './flat';
import { combined, drawn, numbersOf, orthogonal, productsOf } from './in-turns';
import { divideOrZero, ROUNDING } from './method';

export interface NystromOptions {
  /** How many directions are drawn and held, each for one product with A. Default 20. */
  rank?: number;
  /** The seed of the directions. Default 0. */
  seed?: number;
  /** The τ of the solver that it is for. Default 0. */
  damping?: number;
}

/**
 * A randomised preconditioner `M ≈ (A + τI)⁻¹` for a symmetric positive semidefinite A.
 *
 * Products with `rank` random directions give the largest eigenvalues λ and vectors U of A, about
 * right; M is `U (Λ + τ)⁻¹ Uᵀ` in their span and `1/(λ_last + τ)` outside. It is worth it where the
 * spectrum falls off within the rank, as Hessians of networks and kernels do, and where it is used
 * for several solves with the same A, or nearly the same. The vectors that it holds are its own:
 * dispose it.
 *
 * When not to use it: a flat spectrum, or a single solve of few iterations; it costs `rank`
 * products beforehand and `rank` inner products each time.
 *
 * @param like any vector of the space that A acts on; only its shape matters
 * @throws InputError for options out of range, or if a direction shows that A is not positive
 * semidefinite; ShapeError or NotFiniteError for a product that is not a finite vector like `like`.
 * @see Frangella, Tropp & Udell, [Randomized Nyström
 *   preconditioning](https://arxiv.org/abs/2110.02820), 2023, §5.
 */
export async function nystrom<V extends Vector>(
  A: LinearOperator<V>,
  like: V,
  options: NystromOptions = {},
): Promise<LinearOperator<V>> {
  checkNoMore('nystrom', arguments, 3);
  checkOperator('nystrom', A);
  const space = spaceFor(like, 'like, the second argument of nystrom');
  checkOptionNames('nystrom', options, ['rank', 'seed', 'damping']);
  const { seed = 0, damping = 0 } = options;
  checkCountOption('nystrom', 'rank', options.rank ?? 20);
  checkDamping('nystrom', damping);
  const rank = Math.min(options.rank ?? 20, sizeOf(like));
  // A vector without numbers has no direction.
  if (rank === 0) return { apply: (v) => space.clone(v), dispose() {} };

  const checked = checkedProducts(space, A);
  const draw = random(seed);
  const held: V[] = [];
  const hold = (made: V[]): V[] => {
    held.push(...made);
    return made;
  };
  try {
    const gaussian = async () => {
      const numbers = await drawn(sizeOf(like), (count) => draw.normals(count));
      return space.keep(vectorOf(numbers, like));
    };
    const directions = hold(
      await orthonormal(
        space,
        Array.from({ length: rank }, () => gaussian),
      ),
    );
    const images = hold(await productsOf(space, checked, directions));
    const basis = hold(
      await orthonormal(
        space,
        images.map((image) => async () => space.keep(space.clone(image))),
      ),
    );
    const dots = [directions, basis].flatMap((xs) =>
      xs.flatMap((x) => images.map((y) => () => space.dot(x, y))),
    );
    const numbers = Float64Array.from(await numbersOf(space, dots));
    if (!numbers.every(Number.isFinite)) throw notFinite();
    const [core, triangle] = [numbers.slice(0, rank ** 2), numbers.slice(rank ** 2)];
    const { values, mixes } = await withPauses(eigenpairs(rank, core, triangle, space.epsilon));
    const vectors: V[] = [];
    try {
      for (const mix of mixes) vectors.push(await combined(space, mix, basis));
    } catch (error) {
      space.free(vectors);
      throw error;
    }
    return inverse(space, vectors, values, damping);
  } finally {
    space.free(held);
  }
}

const notFinite = () =>
  new NotFiniteError({
    given: 'an operator with a product that has a NaN or an infinity',
    expected: 'finite numbers',
    remedy: 'Look for a NaN, or an overflow, in what the operator is made of.',
  });

const disposed = () =>
  new DisposedError({
    given: 'a preconditioner of nystrom that is disposed',
    expected: 'a live one',
    remedy: 'Dispose it once the solves that it is for have ended.',
  });

/** `U (Λ + τ)⁻¹ Uᵀ v + (v − U Uᵀ v)/(λ_last + τ)`. */
function inverse<V, S>(
  space: Space<V, S>,
  vectors: V[],
  values: number[],
  damping: number,
): LinearOperator<V> {
  const outside = 1 / (values.at(-1)! + damping);
  let isDisposed = false;
  return {
    apply(v) {
      if (isDisposed) throw disposed();
      space.check(v, vectors[0]!, 'a vector');
      return space.tidy(() => {
        let result = space.scale(space.scalars.of(outside), v);
        vectors.forEach((u, i) => {
          const weight = space.scalars.of(1 / (values[i]! + damping) - outside);
          result = space.axpy(space.scalars.multiply(weight, space.dot(u, v)), u, result);
        });
        return result;
      });
    },
    dispose() {
      isDisposed = true;
      space.free(vectors);
    },
  };
}

/**
 * The eigenvalues of `Y (ΩᵀY)⁺ Yᵀ`, for `Y = AΩ = QR`, in descending order, and how its
 * eigenvectors are mixed from the columns of Q; from the inner products ΩᵀY and R = QᵀY.
 */
function* eigenpairs(
  rank: number,
  core: Float64Array,
  triangle: Float64Array,
  epsilon: number,
): Pausing<{ values: number[]; mixes: Float64Array[] }> {
  const { values: d, vectors: w } = descending(
    yield* eigenSymmetricInPieces(symmetric(rank, (i, j) => core[i * rank + j]!)),
  );
  const floor = rank * ROUNDING * epsilon * Math.abs(d[0]!);
  if (!(d[0]! > 0) || d[rank - 1]! < -floor) {
    throw new InputError({
      given: `an operator with the curvature ${d[0]! > 0 ? d[rank - 1] : d[0]} in some direction`,
      expected: 'a symmetric, positive semidefinite operator that is not zero',
      remedy: 'Use the Gauss–Newton product for the Hessian, or precondition with something else.',
    });
  }
  // The columns of R W D^(−1/2), those of rounding left out.
  const columns = w
    .filter((_, k) => d[k]! > floor)
    .map((u, k) => times(triangle, u).map((value) => value / Math.sqrt(d[k]!)));
  yield;
  const { values, vectors } = descending(
    yield* eigenSymmetricInPieces(
      symmetric(rank, (i, j) => columns.reduce((sum, c) => sum + c[i]! * c[j]!, 0)),
    ),
  );
  const kept = [...values].filter((value) => value > floor);
  return { values: kept, mixes: vectors.slice(0, kept.length) };
}

const descending = ({ values, vectors }: Eigen): Eigen => ({
  values: values.toReversed(),
  vectors: vectors.toReversed(),
});

function times(matrix: Float64Array, x: Float64Array): Float64Array {
  return x.map((_, i) => x.reduce((sum, value, j) => sum + matrix[i * x.length + j]! * value, 0));
}

/** The symmetric part of the matrix with these entries. */
function symmetric(size: number, entry: (i: number, j: number) => number): SquareMatrix {
  const entries = new Float64Array(size * size);
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < size; j++) entries[i * size + j] = (entry(i, j) + entry(j, i)) / 2;
  }
  return { size, entries };
}

/**
 * Gram and Schmidt, each vector made orthogonal to those before it twice: once may not do.
 *
 * @param makers of vectors that are kept, which are freed
 */
async function orthonormal<V, S>(
  space: Space<V, S>,
  makers: readonly (() => Promise<V>)[],
): Promise<V[]> {
  const done: V[] = [];
  try {
    for (const make of makers) {
      const held: V[] = [await make()];
      try {
        held.push(await orthogonal(space, held[0]!, done));
        const v = held[1]!;
        const inverse = () => divideOrZero(space, space.scalars.of(1), space.norm(v));
        done.push(space.keep(space.tidy(() => space.scale(inverse(), v))));
      } finally {
        space.free(held);
      }
    }
    return done;
  } catch (error) {
    space.free(done);
    throw error;
  }
}
