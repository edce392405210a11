import { checkFloat64, checkList } from '../options';
import { float64 } from './float64';

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
  return Float64Array.from(A, (row) => float64.dot(row, x));
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
