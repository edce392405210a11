import { InputError } from '../errors';
import { factorizeInPieces, type SquareMatrix, squareMatrix } from '../numbers';
import { checkNoMore, checkOptionNames } from '../options';
import { type LinearOperator, spaceOf, type Vector } from '../spaces';
import { checkCountOption, checkedProducts } from './checks';
import { betweenReadings, directSolver, type Reading } from './direct';
import { sizeOf, unitVector, vectorOf } from './flat';
import type { LinearSolver } from './solver';

export interface DenseOptions {
  /** The relative residual that counts as solved. Default 1e-6. */
  tolerance?: number;
  /** `τ ≥ 0`: solve `(A + τI) x = b`. Default 0. */
  damping?: number;
  /** The largest dimension n it accepts. Default 2000. */
  limit?: number;
}

/**
 * Forms the matrix from n products and factorizes it, in double precision: Cholesky where it is
 * symmetric and positive definite, LU with complete pivoting where it is not.
 *
 * So any A is solved, also an indefinite one, and a singular one if a solution exists (the
 * unknowns left free are 0); a singular, inconsistent system ends as `max-iterations` or
 * `diverged`, the latter with the value 0. `iterations` counts the products.
 *
 * When not to use it: n above a few hundred. It costs n products, n² numbers and n³/3 operations
 * (LU ten times that), and on a GPU works only as `await solve`. It is the truth that the other
 * solvers are held against.
 *
 * @throws InputError for options out of range or n above the limit; NotFiniteError for a NaN in b;
 * UnsupportedError where vectors cannot be read without waiting.
 * @see Golub & Van Loan, [Matrix Computations](https://doi.org/10.56021/9781421407944), 4th ed.,
 *   §3.4 and §4.2.
 */
export function dense(options: DenseOptions = {}): DenseOptions & LinearSolver {
  checkNoMore('dense', arguments, 1);
  checkOptionNames('dense', options, ['tolerance', 'damping', 'limit']);
  const { tolerance = 1e-6, damping = 0, limit = 2000 } = options;
  checkCountOption('dense', 'limit', limit);
  const record = { name: 'dense', tolerance, damping, limit };

  return directSolver(record, function* <V extends Vector>(A: LinearOperator<V>, b: V) {
    const size = sizeOf(b);
    if (size > limit) {
      throw new InputError({
        given: `a system of ${size} unknowns`,
        expected: `at most ${limit} unknowns, the limit of dense()`,
        remedy:
          'Use cg, minres or gmres, or raise the limit if n² numbers and n products are fine.',
      });
    }
    const matrix = yield* matrixOf(A, b);
    for (let i = 0; i < size; i++) matrix.entries[i * (size + 1)]! += damping;
    const space = spaceOf(b);
    const [numbers] = (yield [b]) as [Float64Array];
    const solve = yield* betweenReadings(factorizeInPieces(matrix, space.epsilon));
    const x = solve(numbers);
    return { value: space.keep(vectorOf(x, b)), products: size };
  });
}

/** The matrix of an operator, read from its products with the unit vectors. */
export function* matrixOf<V extends Vector>(A: LinearOperator<V>, like: V): Reading<SquareMatrix> {
  const space = spaceOf(like);
  const size = sizeOf(like);
  const checked = checkedProducts(space, A);
  const columns: V[] = [];
  try {
    for (let j = 0; j < size; j++) {
      columns.push(space.keep(space.tidy(() => checked.apply(unitVector(j, like)))));
      // Nothing is read, but others may have a turn.
      yield [];
    }
    return squareMatrix(yield columns);
  } finally {
    space.free(columns);
  }
}
