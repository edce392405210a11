import { InputError, ShapeError } from '../errors';
import { checkFloat64, checkList, checkNoMore } from '../options';

/** A matrix by its rows, in double precision. */
export type Matrix = readonly Float64Array[];

/** @throws InputError for anything but a matrix and a vector; ShapeError for ones that do not fit. */
function checkProduct(A: unknown, x: unknown, transposed: boolean): void {
  checkList(A, 'a matrix, by its rows');
  checkFloat64(x, 'the vector of a product');
  const rows = A as Float64Array[];
  if (rows.length === 0) return;
  checkFloat64(rows[0], 'a row of a matrix');
  const width = rows[0]!.length;
  const isEven = rows.every((row) => row?.length === width);
  const length = (x as Float64Array).length;
  if (isEven && length === (transposed ? rows.length : width)) return;
  const lengths = isEven ? `${rows.length} rows of length ${width}` : 'rows of several lengths';
  throw new ShapeError({
    given: `${lengths}${transposed ? ', transposed,' : ''} times a vector of length ${length}`,
    expected: 'a matrix and a vector that can be multiplied',
    remedy: 'Rows have one length, that of the vector; transposed, there is a row for each entry.',
  });
}

/** Vectors of one length that are one after the other in memory: parts of it, not copies. */
export function partsOf(block: Float64Array, length: number): Float64Array[] {
  const parts: Float64Array[] = [];
  for (let from = 0; from < block.length; from += length) {
    parts.push(block.subarray(from, from + length));
  }
  return parts;
}

/**
 * `A x`, one number for each row.
 *
 * @throws InputError for anything but rows and a vector of float64; ShapeError for ones that do not fit.
 */
export function multiply(A: Matrix, x: Float64Array): Float64Array {
  checkNoMore('multiply', arguments, 2);
  checkProduct(A, x, false);
  const product = new Float64Array(A.length);
  for (let i = 0; i < product.length; i++) product[i] = dot(A[i]!, x);
  return product;
}

/**
 * `Aᵀ x`, one number for each column.
 *
 * @throws as `multiply` does
 */
export function multiplyTransposed(A: Matrix, x: Float64Array): Float64Array {
  checkNoMore('multiplyTransposed', arguments, 2);
  checkProduct(A, x, true);
  const sum = new Float64Array(A[0]?.length ?? 0);
  for (let i = 0; i < A.length; i++) {
    const row = A[i]!;
    const factor = x[i]!;
    for (let j = 0; j < sum.length; j++) sum[j]! += row[j]! * factor;
  }
  return sum;
}

/** `⟨a, x⟩` as four sums, so that one addition need not wait for the other. */
function dot(a: Float64Array, x: Float64Array): number {
  const n = a.length;
  const whole = n - (n % 4);
  let [s0, s1, s2, s3] = [0, 0, 0, 0];
  for (let j = 0; j < whole; j += 4) {
    s0 += a[j]! * x[j]!;
    s1 += a[j + 1]! * x[j + 1]!;
    s2 += a[j + 2]! * x[j + 2]!;
    s3 += a[j + 3]! * x[j + 3]!;
  }
  for (let j = whole; j < n; j++) s0 += a[j]! * x[j]!;
  return s0 + s1 + (s2 + s3);
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
