import type { Work } from './work';

/** A square matrix, row after row, factorized in place for many right-hand sides. */
export interface Factors {
  size: number;
  lu: Float64Array;
  pivots: Int32Array;
}

/** Multiplications in one piece: some milliseconds. */
const PIECE = 1e6;

/**
 * `PA = LU` with rows exchanged for the largest pivot; undefined for a matrix that is singular.
 *
 * @see Golub & Van Loan, [Matrix Computations](https://doi.org/10.56021/9781421407944), 4th ed.,
 *   §3.4.
 */
export function* factorized(size: number, entries: Float64Array): Work<Factors | undefined> {
  const lu = entries.slice();
  const pivots = new Int32Array(size);
  let sinceTurn = 0;
  for (let k = 0; k < size; k++) {
    sinceTurn += (size - k) ** 2;
    if (sinceTurn > PIECE) {
      yield;
      sinceTurn = 0;
    }
    let row = k;
    for (let i = k + 1; i < size; i++) {
      if (Math.abs(lu[i * size + k]!) > Math.abs(lu[row * size + k]!)) row = i;
    }
    pivots[k] = row;
    const pivot = lu[row * size + k]!;
    if (pivot === 0 || !Number.isFinite(pivot)) return undefined;
    if (row !== k) {
      for (let j = 0; j < size; j++) {
        const held = lu[k * size + j]!;
        lu[k * size + j] = lu[row * size + j]!;
        lu[row * size + j] = held;
      }
    }
    for (let i = k + 1; i < size; i++) {
      const factor = lu[i * size + k]! / pivot;
      lu[i * size + k] = factor;
      if (factor === 0) continue;
      for (let j = k + 1; j < size; j++) lu[i * size + j]! -= factor * lu[k * size + j]!;
    }
  }
  return { size, lu, pivots };
}

/** x with `A x = b`. */
export function solved({ size, lu, pivots }: Factors, b: Float64Array): Float64Array {
  const x = b.slice();
  for (let k = 0; k < size; k++) {
    const row = pivots[k]!;
    const held = x[k]!;
    x[k] = x[row]!;
    x[row] = held;
  }
  for (let i = 1; i < size; i++) {
    let sum = x[i]!;
    for (let k = 0; k < i; k++) sum -= lu[i * size + k]! * x[k]!;
    x[i] = sum;
  }
  for (let i = size - 1; i >= 0; i--) {
    let sum = x[i]!;
    for (let k = i + 1; k < size; k++) sum -= lu[i * size + k]! * x[k]!;
    x[i] = sum / lu[i * size + i]!;
  }
  return x;
}
