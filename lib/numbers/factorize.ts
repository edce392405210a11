import { type Pausing, withoutPause } from '../event-loop';
import { type Factor, factorInBlocks, LEAST_UNKNOWNS } from './simd';
import type { SquareMatrix } from './square-matrix';

/** Multiplications in one piece: some milliseconds. */
const PIECE = 1e6;

/** A factorization, ready to solve with; the right-hand side is left as it was. */
export type Solve = (b: Float64Array) => Float64Array;

/**
 * Solves with `A = LLᵀ`, or returns undefined if A is not positive definite to working precision
 * (a pivot of at most `precision` times the diagonal entry of its row: of a pivot rounding leaves
 * that much uncertain, whatever the units of the other rows). Reads the lower triangle.
 *
 * @see Golub & Van Loan, [Matrix Computations](https://doi.org/10.56021/9781421407944), 4th ed.,
 *   §4.2; Higham, [Accuracy and Stability of Numerical
 *   Algorithms](https://doi.org/10.1137/1.9780898718027), 2nd ed., Theorem 10.7.
 */
export const cholesky = (matrix: SquareMatrix, precision: number): Solve | undefined =>
  withoutPause(choleskyInPieces(matrix, precision));

/** {@link cholesky}, to be left for a while: large matrices by blocks, in WebAssembly where there is some. */
function* choleskyInPieces(matrix: SquareMatrix, precision: number): Pausing<Solve | undefined> {
  const { size } = matrix;
  const found = size < LEAST_UNKNOWNS ? undefined : yield* factorInBlocks(matrix, precision);
  if (found === undefined) return yield* choleskyByRows(matrix, precision);
  return found === 'indefinite' ? undefined : solveByRows(found, size);
}

/** {@link cholesky} without WebAssembly, row by row. */
export function* choleskyByRows(
  { size, entries }: SquareMatrix,
  precision: number,
): Pausing<Solve | undefined> {
  const L = entries.slice();
  let sinceTurn = 0;
  for (let i = 0; i < size; i++) {
    sinceTurn += i ** 2 / 2;
    if (sinceTurn > PIECE) {
      yield;
      sinceTurn = 0;
    }
    let j = 0;
    for (; j + 4 <= i; j += 4) fourEntries(L, size, i, j);
    for (; j < i; j++) L[i * size + j] = less(L, size, i, j) / L[j * size + j]!;
    const pivot = less(L, size, i, i);
    if (!(pivot > precision * entries[i * size + i]!)) return undefined;
    L[i * size + i] = Math.sqrt(pivot);
  }
  return (b) => {
    const x = b.slice();
    for (let i = 0; i < size; i++) {
      for (let k = 0; k < i; k++) x[i]! -= L[i * size + k]! * x[k]!;
      x[i]! /= L[i * size + i]!;
    }
    for (let i = size - 1; i >= 0; i--) {
      for (let k = i + 1; k < size; k++) x[i]! -= L[k * size + i]! * x[k]!;
      x[i]! /= L[i * size + i]!;
    }
    return x;
  };
}

/** The same by the rows of a large L, whose columns are all over the memory. */
const solveByRows =
  ({ L, stride }: Factor, size: number): Solve =>
  (b) => {
    const x = b.slice();
    for (let i = 0; i < size; i++) {
      const row = i * stride;
      x[i] = (x[i]! - rowTimes(L, row, x, i)) / L[row + i]!;
    }
    for (let i = size - 1; i >= 0; i--) {
      const row = i * stride;
      const value = x[i]! / L[row + i]!;
      x[i] = value;
      for (let k = 0; k < i; k++) x[k]! -= L[row + k]! * value;
    }
    return x;
  };

/** The product of the first `count` numbers of a row with those of x, in four sums. */
function rowTimes(L: Float64Array, row: number, x: Float64Array, count: number): number {
  const whole = count - (count % 4);
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  for (let k = 0; k < whole; k += 4) {
    s0 += L[row + k]! * x[k]!;
    s1 += L[row + k + 1]! * x[k + 1]!;
    s2 += L[row + k + 2]! * x[k + 2]!;
    s3 += L[row + k + 3]! * x[k + 3]!;
  }
  for (let k = whole; k < count; k++) s0 += L[row + k]! * x[k]!;
  return s0 + s1 + (s2 + s3);
}

/** Entry (i, j) less the products of the entries of L before column j, in their order. */
function less(L: Float64Array, size: number, i: number, j: number): number {
  const [row, other] = [i * size, j * size];
  let sum = L[row + j]!;
  for (let k = 0; k < j; k++) sum -= L[row + k]! * L[other + k]!;
  return sum;
}

/** Entries j … j + 3 of row i: four sums at a time, which do not wait for each other. */
function fourEntries(L: Float64Array, size: number, i: number, j: number): void {
  const row = i * size;
  const a = j * size;
  const b = a + size;
  const c = b + size;
  const d = c + size;
  let s0 = L[row + j]!;
  let s1 = L[row + j + 1]!;
  let s2 = L[row + j + 2]!;
  let s3 = L[row + j + 3]!;
  for (let k = 0; k < j; k++) {
    const l = L[row + k]!;
    s0 -= l * L[a + k]!;
    s1 -= l * L[b + k]!;
    s2 -= l * L[c + k]!;
    s3 -= l * L[d + k]!;
  }
  s0 /= L[a + j]!;
  s1 = (s1 - s0 * L[b + j]!) / L[b + j + 1]!;
  s2 = (s2 - s0 * L[c + j]! - s1 * L[c + j + 1]!) / L[c + j + 2]!;
  s3 = (s3 - s0 * L[d + j]! - s1 * L[d + j + 1]! - s2 * L[d + j + 2]!) / L[d + j + 3]!;
  L[row + j] = s0;
  L[row + j + 1] = s1;
  L[row + j + 2] = s2;
  L[row + j + 3] = s3;
}

/**
 * Solves with `PAQ = LU`, pivots chosen from all that is left of the matrix.
 *
 * A pivot of at most `precision` times the first ends the elimination: the rank is reached, and
 * the unknowns without a pivot are 0. So a singular system is solved if it can be.
 *
 * @see Golub & Van Loan, [Matrix Computations](https://doi.org/10.56021/9781421407944), 4th ed.,
 *   §3.4.
 */
export const lu = (matrix: SquareMatrix, precision: number): Solve =>
  withoutPause(luInPieces(matrix, precision));

/** {@link lu}, to be left for a while between blocks of pivots. */
function* luInPieces({ size, entries }: SquareMatrix, precision: number): Pausing<Solve> {
  const U = entries.slice();
  const rows = Int32Array.from({ length: size }, (_, i) => i);
  const columns = rows.slice();
  const at = (i: number, j: number) => rows[i]! * size + columns[j]!;
  let rank = 0;
  let first = 0;
  let sinceTurn = 0;
  for (; rank < size; rank++) {
    // The search for a pivot takes as long as the elimination.
    sinceTurn += 2 * (size - rank) ** 2;
    if (sinceTurn > PIECE) {
      yield;
      sinceTurn = 0;
    }
    let [row, column, largest] = [rank, rank, 0];
    for (let i = rank; i < size; i++) {
      for (let j = rank; j < size; j++) {
        const value = Math.abs(U[at(i, j)]!);
        if (value > largest) [row, column, largest] = [i, j, value];
      }
    }
    if (rank === 0) first = largest;
    if (!(largest > precision * first)) break;
    [rows[rank], rows[row]] = [rows[row]!, rows[rank]!];
    [columns[rank], columns[column]] = [columns[column]!, columns[rank]!];
    const pivot = U[at(rank, rank)]!;
    for (let i = rank + 1; i < size; i++) {
      const factor = U[at(i, rank)]! / pivot;
      U[at(i, rank)] = factor;
      if (factor === 0) continue;
      for (let j = rank + 1; j < size; j++) U[at(i, j)]! -= factor * U[at(rank, j)]!;
    }
  }
  return (b) => {
    const y = Float64Array.from({ length: rank }, (_, i) => b[rows[i]!]!);
    for (let i = 0; i < rank; i++) for (let k = 0; k < i; k++) y[i]! -= U[at(i, k)]! * y[k]!;
    for (let i = rank - 1; i >= 0; i--) {
      for (let k = i + 1; k < rank; k++) y[i]! -= U[at(i, k)]! * y[k]!;
      y[i]! /= U[at(i, i)]!;
    }
    const x = new Float64Array(size);
    for (let i = 0; i < rank; i++) x[columns[i]!] = y[i]!;
    return x;
  };
}

/**
 * Cholesky where the matrix is symmetric and positive definite to the given precision of its
 * entries, LU with complete pivoting where it is not.
 */
export const factorize = (matrix: SquareMatrix, epsilon: number): Solve =>
  withoutPause(factorizeInPieces(matrix, epsilon));

/** {@link factorize}, to be left for a while: a million multiplications are one piece. */
export function* factorizeInPieces(matrix: SquareMatrix, epsilon: number): Pausing<Solve> {
  const precision = matrix.size * epsilon;
  const solve = isSymmetric(matrix, 100 * epsilon)
    ? yield* choleskyInPieces(matrix, precision)
    : undefined;
  return solve ?? (yield* luInPieces(matrix, precision));
}

function isSymmetric({ size, entries }: SquareMatrix, tolerance: number): boolean {
  let [largest, difference] = [0, 0];
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      const [a, b] = [entries[i * size + j]!, entries[j * size + i]!];
      largest = Math.max(largest, Math.abs(a));
      difference = Math.max(difference, Math.abs(a - b));
    }
  }
  return difference <= tolerance * largest;
}
