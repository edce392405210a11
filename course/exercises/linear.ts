import { random } from 'implicit-lab';

/** A matrix by its rows. */
export type Matrix = number[][];

/** A matrix of normal numbers, times `scale`. */
export function randomMatrix(seed: number, rows: number, columns: number, scale = 1): Matrix {
  const { normal } = random(seed);
  return Array.from({ length: rows }, () =>
    Array.from({ length: columns }, () => scale * normal()),
  );
}

/** A vector of normal numbers, times `scale`. */
export function randomVector(seed: number, length: number, scale = 1): Float64Array {
  return random(seed)
    .normals(length)
    .map((x) => scale * x);
}

/** `M v`. */
export function multiply(M: readonly (readonly number[])[], v: ArrayLike<number>): Float64Array {
  return Float64Array.from(M, (row) => row.reduce((sum, m, j) => sum + m * v[j]!, 0));
}

/** `A B`. */
export function product(A: Matrix, B: Matrix): Matrix {
  const columns = transposed(B).map((column) => multiply(A, column));
  return transposed(columns.map((column) => [...column]));
}

export function transposed(M: Matrix): Matrix {
  return (M[0] ?? []).map((_, j) => M.map((row) => row[j]!));
}

/** `a I + b M`. */
export function shiftedMatrix(a: number, M: Matrix, b = 1): Matrix {
  return M.map((row, i) => row.map((m, j) => b * m + (i === j ? a : 0)));
}

/** Solves `M x = b` by elimination with row exchanges. */
export function solveDense(M: Matrix, b: ArrayLike<number>): Float64Array {
  const rows = M.map((row, i) => [...row, b[i]!]);
  const n = rows.length;
  for (let k = 0; k < n; k++) {
    let pivot = k;
    for (let i = k + 1; i < n; i++) {
      if (Math.abs(rows[i]![k]!) > Math.abs(rows[pivot]![k]!)) pivot = i;
    }
    [rows[k], rows[pivot]] = [rows[pivot]!, rows[k]!];
    for (let i = k + 1; i < n; i++) {
      const factor = rows[i]![k]! / rows[k]![k]!;
      for (let j = k; j <= n; j++) rows[i]![j]! -= factor * rows[k]![j]!;
    }
  }
  const x = new Float64Array(n);
  for (let i = n - 1; i >= 0; i--) {
    const known = x.reduce((sum, value, j) => (j > i ? sum + rows[i]![j]! * value : sum), 0);
    x[i] = (rows[i]![n]! - known) / rows[i]![i]!;
  }
  return x;
}

/** The Euclidean norm. */
export const norm = (x: ArrayLike<number>) =>
  Math.sqrt(Array.from(x).reduce((sum, value) => sum + value * value, 0));
