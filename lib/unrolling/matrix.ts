import { InputError, ShapeError } from '../errors';
import type { Matrix } from '../spaces/matrix';

/** The square matrix of size n with the entries `f(i, j)`. */
export function matrix(n: number, f: (i: number, j: number) => number): Float64Array[] {
  return Array.from({ length: n }, (_, i) => Float64Array.from({ length: n }, (_, j) => f(i, j)));
}

export const diagonal = (values: Float64Array) =>
  matrix(values.length, (i, j) => (i === j ? values[i]! : 0));

/** `XᵀX/n` for the n rows of X. */
export function gram(X: Matrix): Float64Array[] {
  const columns = X[0]?.length ?? 0;
  return matrix(columns, (i, j) => X.reduce((sum, row) => sum + row[i]! * row[j]!, 0) / X.length);
}

/** @throws ShapeError unless A is `n × n`; InputError unless it is symmetric. */
export function requireSymmetric(A: Matrix, n: number, what: string): void {
  if (A.length !== n || A.some((row) => row.length !== n)) {
    throw new ShapeError({
      given: `${what} of size ${A.length} × ${A[0]?.length ?? 0}`,
      expected: `size ${n} × ${n}`,
      remedy: 'Give one row and one column for each entry of x.',
    });
  }
  const scale = Math.max(...A.map((row) => Math.max(...row.map(Math.abs))));
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < i; j++) {
      if (Math.abs(A[i]![j]! - A[j]![i]!) <= 1e-12 * scale) continue;
      throw new InputError({
        given: `${what} with the entries ${A[i]![j]} at (${i}, ${j}) and ${A[j]![i]} at (${j}, ${i})`,
        expected: 'a symmetric, finite matrix',
        remedy: 'Take (A + Aᵀ)/2, which gives the same quadratic form.',
      });
    }
  }
}

/** The eigenvalues of a symmetric matrix, rising, and its eigenvectors as the rows of a matrix. */
export interface Eigen {
  values: Float64Array;
  vectors: Float64Array[];
}

/**
 * All eigenvalues and eigenvectors of a small symmetric matrix, to rounding.
 *
 * Cyclic Jacobi rotations, O(n³) a sweep: for theory, up to a few hundred rows.
 *
 * @see Golub and Van Loan, Matrix Computations, §8.5.
 */
export function eigen(A: Matrix): Eigen {
  const n = A.length;
  const S = A.map((row) => row.slice());
  const V = matrix(n, (i, j) => (i === j ? 1 : 0));
  const frobenius = Math.hypot(...S.map((row) => Math.hypot(...row)));

  for (let sweep = 0; sweep < 60 && offDiagonal(S) > 1e-17 * frobenius; sweep++) {
    for (let p = 0; p < n; p++) {
      for (let q = p + 1; q < n; q++) rotate(S, V, p, q);
    }
  }
  const order = Array.from({ length: n }, (_, i) => i).sort((a, b) => S[a]![a]! - S[b]![b]!);
  return {
    values: Float64Array.from(order, (i) => S[i]![i]!),
    vectors: order.map((i) => V[i]!),
  };
}

const offDiagonal = (S: Matrix) =>
  Math.hypot(...S.map((row, i) => Math.hypot(...row.map((value, j) => (i === j ? 0 : value)))));

/** Makes `S[p][q]` zero; the rows of V follow. */
function rotate(S: Float64Array[], V: Float64Array[], p: number, q: number): void {
  const pivot = S[p]![q]!;
  if (pivot === 0) return;
  const theta = (S[q]![q]! - S[p]![p]!) / (2 * pivot);
  const t = 1 / (Math.abs(theta) + Math.hypot(theta, 1)) / (theta < 0 ? -1 : 1);
  const c = 1 / Math.hypot(t, 1);
  const s = t * c;
  for (const row of S) turn(row, row, p, q, c, s);
  turnRows(S[p]!, S[q]!, c, s);
  turnRows(V[p]!, V[q]!, c, s);
}

function turn(a: Float64Array, b: Float64Array, p: number, q: number, c: number, s: number): void {
  const [x, y] = [a[p]!, b[q]!];
  a[p] = c * x - s * y;
  b[q] = s * x + c * y;
}

function turnRows(a: Float64Array, b: Float64Array, c: number, s: number): void {
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i]!, b[i]!];
    a[i] = c * x - s * y;
    b[i] = s * x + c * y;
  }
}
