import { InputError, ShapeError } from '../errors';
import { checkFloat64, checkList } from '../options';

/** A matrix by its rows, in double precision. */
export type Matrix = readonly Float64Array[];

/** @throws InputError for what is no matrix or no vector. */
function checkProduct(A: unknown, x: unknown): void {
  checkList(A, 'a matrix, by its rows');
  if ((A as unknown[]).length > 0) checkFloat64((A as unknown[])[0], 'a row of a matrix');
  checkFloat64(x, 'the vector of a product');
}

/** `A x`. */
export function multiply(A: Matrix, x: Float64Array): Float64Array {
  checkProduct(A, x);
  return Float64Array.from(A, (row) => dot(row, x));
}

/** `Aᵀ x`. */
export function multiplyTransposed(A: Matrix, x: Float64Array): Float64Array {
  checkProduct(A, x);
  const sum = new Float64Array(A[0]?.length ?? 0);
  A.forEach((row, i) => {
    for (let j = 0; j < sum.length; j++) sum[j]! += row[j]! * x[i]!;
  });
  return sum;
}

function dot(x: Float64Array, y: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += x[i]! * y[i]!;
  return sum;
}

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
