import { type Pausing, stepByStep, withoutPause } from '../event-loop';
import { diagonalizeInPieces } from './ql';
import type { Matrix } from './rows';
import type { SquareMatrix } from './square-matrix';

/** The eigenvalues of a symmetric matrix, ascending, and its eigenvectors as the rows of a matrix. */
export interface Eigen {
  values: Float64Array;
  vectors: Float64Array[];
}

/** The same of a matrix by its entries, row by row; see `eigen`. */
export function eigenSymmetric({ size, entries }: SquareMatrix): Eigen {
  return eigen(rowsOf(size, entries));
}

/** The same, to be left for a while. */
export const eigenSymmetricInPieces = ({ size, entries }: SquareMatrix): Pausing<Eigen> =>
  eigenInPieces(rowsOf(size, entries));

const rowsOf = (size: number, entries: Float64Array) =>
  Array.from({ length: size }, (_, i) => entries.subarray(i * size, (i + 1) * size));

/**
 * All eigenvalues of a symmetric matrix in ascending order, and their vectors of length 1, to
 * rounding; about 3n³ multiplications.
 *
 * Householder reflections `A = Q T Qᵀ` to a tridiagonal T, and QL iterations with Wilkinson's shifts
 * on T, whose rotations turn the rows of Qᵀ.
 *
 * @throws InputError where QL does not converge, as near the limits of float64.
 * @see Golub & Van Loan, [Matrix Computations](https://doi.org/10.56021/9781421407944), 4th ed.,
 *   §8.3.
 */
export function eigen(A: Matrix): Eigen {
  return withoutPause(eigenInPieces(A));
}

function* eigenInPieces(A: Matrix): Pausing<Eigen> {
  const n = A.length;
  const vectors = A.map((row) => row.slice());
  const { diagonal, below } = yield* tridiagonal(vectors);
  yield* diagonalizeInPieces(diagonal, below.slice(1), (i, c, s) =>
    turn(vectors[i]!, vectors[i + 1]!, c, s),
  );
  const order = Array.from({ length: n }, (_, i) => i).sort((a, b) => diagonal[a]! - diagonal[b]!);
  return {
    values: Float64Array.from(order, (i) => diagonal[i]!),
    vectors: order.map((i) => vectors[i]!),
  };
}

/** T by its diagonal and the entries below it (`below[i]` is `T[i][i − 1]`); A becomes Qᵀ. */
function* tridiagonal(A: Float64Array[]): Pausing<{ diagonal: Float64Array; below: Float64Array }> {
  const n = A.length;
  const below = new Float64Array(n);
  const reflections: { first: number; u: Float64Array }[] = [];
  yield* stepByStep(n - 2, (k) => {
    const column = Float64Array.from({ length: n - k - 1 }, (_, i) => A[k + 1 + i]![k]!);
    const { u, image } = reflection(column);
    below[k + 1] = image;
    if (u === undefined) return;
    reflections.push({ first: k + 1, u });
    reflectBothSides(A, k + 1, u);
  });
  if (n > 1) below[n - 1] = A[n - 1]![n - 2]!;
  const diagonal = Float64Array.from(A, (row, i) => row[i]!);
  for (let i = 0; i < n; i++) A[i]!.fill(0)[i] = 1;
  // Qᵀ is the product of the reflections, the last one leftmost.
  yield* stepByStep(reflections.length, (i) => {
    const { first, u } = reflections[i]!;
    reflectRows(A, first, u);
  });
  return { diagonal, below };
}

/** u with `(I − 2uuᵀ) x = image · e₁` and `‖u‖ = 1`; none where x is a multiple of e₁. */
function reflection(x: Float64Array): { u?: Float64Array; image: number } {
  let largest = 0;
  for (let i = 1; i < x.length; i++) largest = Math.max(largest, Math.abs(x[i]!));
  if (largest === 0) return { image: x[0]! };
  const scale = Math.max(largest, Math.abs(x[0]!));
  const u = x.map((value) => value / scale);
  const image = -Math.sign(u[0]! || 1) * Math.sqrt(dot(u, u));
  u[0]! -= image;
  const size = Math.sqrt(dot(u, u));
  for (let i = 0; i < u.length; i++) u[i]! /= size;
  return { u, image: image * scale };
}

/** `A ← P A P` on the rows and columns from `first` on: `A − 2uwᵀ − 2wuᵀ`, `w = Au − (uᵀAu) u`. */
function reflectBothSides(A: Float64Array[], first: number, u: Float64Array): void {
  const part = u.map((_, i) => dot(u, A[first + i]!.subarray(first)));
  const size = dot(u, part);
  const w = part.map((value, i) => value - size * u[i]!);
  for (let i = 0; i < u.length; i++) {
    const row = A[first + i]!.subarray(first);
    const [a, b] = [2 * u[i]!, 2 * w[i]!];
    for (let j = 0; j < u.length; j++) row[j]! -= a * w[j]! + b * u[j]!;
  }
}

/** `A ← P A` on the rows from `first` on. */
function reflectRows(A: Float64Array[], first: number, u: Float64Array): void {
  const sums = new Float64Array(A.length);
  u.forEach((weight, i) => {
    const row = A[first + i]!;
    for (let j = 0; j < sums.length; j++) sums[j]! += weight * row[j]!;
  });
  u.forEach((weight, i) => {
    const row = A[first + i]!;
    for (let j = 0; j < sums.length; j++) row[j]! -= 2 * weight * sums[j]!;
  });
}

function turn(a: Float64Array, b: Float64Array, c: number, s: number): void {
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i]!, b[i]!];
    a[i] = c * x - s * y;
    b[i] = s * x + c * y;
  }
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}
