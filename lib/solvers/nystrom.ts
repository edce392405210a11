import { DisposedError, InputError, NotFiniteError } from '../errors';
import { giveWay } from '../event-loop';
import { type Eigen, eigenSymmetric, random, type SquareMatrix } from '../numbers';
import { checkNoMore, checkOptionNames } from '../options';
import { type LinearOperator, type Space, spaceFor, type Vector } from '../spaces';
import { checkCountOption, checkDamping, checkedProducts, checkOperator } from './checks';
import { sizeOf, vectorOf } from './flat';
import { divideOrZero, negate, ROUNDING } from './method';

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
  const hold = <T>(make: () => T): T => space.keep(space.tidy(make));
  // A vector without numbers has no direction.
  if (rank === 0) return { apply: (v) => space.clone(v), dispose() {} };

  const checked = checkedProducts(space, A);
  const draw = random(seed);
  const gaussian = () => vectorOf(draw.normals(sizeOf(like)), like);
  const drawn = hold(() => orthonormal(space, Array.from({ length: rank }, gaussian)));
  const images: V[] = [];
  let basis: V[] = [];
  let products: unknown[] = [];
  try {
    for (const direction of drawn) {
      images.push(hold(() => checked.apply(direction)));
      await giveWay();
    }
    basis = hold(() => orthonormal(space, images));
    products = hold(() =>
      [drawn, basis].flatMap((xs) => xs.flatMap((x) => images.map((y) => space.dot(x, y)))),
    );
    const numbers = Float64Array.from(await space.read(products));
    if (!numbers.every(Number.isFinite)) throw notFinite();
    const [core, triangle] = [numbers.slice(0, rank ** 2), numbers.slice(rank ** 2)];
    const { values, mixes } = eigenpairs(rank, core, triangle, space.epsilon);
    const vectors = hold(() =>
      mixes.map((mix) =>
        basis.reduce(
          (sum, q, i) => space.axpy(space.scalars.of(mix[i]!), q, sum),
          space.zeros(like),
        ),
      ),
    );
    return inverse(space, vectors, values, damping);
  } finally {
    space.free([drawn, images, basis, products]);
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
function eigenpairs(rank: number, core: Float64Array, triangle: Float64Array, epsilon: number) {
  const { values: d, vectors: w } = descending(
    eigenSymmetric(symmetric(rank, (i, j) => core[i * rank + j]!)),
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
  const { values, vectors } = descending(
    eigenSymmetric(symmetric(rank, (i, j) => columns.reduce((sum, c) => sum + c[i]! * c[j]!, 0))),
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

/** Gram and Schmidt, each vector made orthogonal to those before it twice: once may not do. */
function orthonormal<V, S>(space: Space<V, S>, vectors: V[]): V[] {
  const done: V[] = [];
  for (const vector of vectors) {
    let v = vector;
    for (const u of [...done, ...done]) v = space.axpy(negate(space, space.dot(u, v)), u, v);
    const { of } = space.scalars;
    done.push(space.scale(divideOrZero(space, of(1), space.norm(v)), v));
  }
  return done;
}
