import { float64 } from './float64';

/** A matrix by its rows, in double precision. */
export type Matrix = readonly Float64Array[];

/** `A x`. */
export function multiply(A: Matrix, x: Float64Array): Float64Array {
  return Float64Array.from(A, (row) => float64.dot(row, x));
}

/** `Aᵀ x`. */
export function multiplyTransposed(A: Matrix, x: Float64Array): Float64Array {
  const sum = new Float64Array(A[0]?.length ?? 0);
  A.forEach((row, i) => {
    for (let j = 0; j < sum.length; j++) sum[j]! += row[j]! * x[i]!;
  });
  return sum;
}
