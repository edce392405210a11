import type { Matrix } from './rows';
import type { SquareMatrix } from './square-matrix';

/** The eigenvalues of a symmetric matrix, ascending, and its eigenvectors as the rows of a matrix. */
export interface Eigen {
  values: Float64Array;
  vectors: Float64Array[];
}

/** All eigenvalues and eigenvectors of a small symmetric matrix by its rows; see `eigenSymmetric`. */
export function eigen(A: Matrix): Eigen {
  const size = A.length;
  const entries = new Float64Array(size * size);
  A.forEach((row, i) => {
    entries.set(row, i * size);
  });
  return eigenSymmetric({ size, entries });
}

/**
 * The eigenvalues of a symmetric matrix in ascending order, and their vectors of length 1, to
 * rounding.
 *
 * Cyclic Jacobi rotations, O(n³) a sweep and some ten sweeps: for theory, up to a few hundred rows.
 *
 * @see Golub & Van Loan, Matrix Computations, §8.5.
 */
export function eigenSymmetric({ size, entries }: SquareMatrix): Eigen {
  const A = entries.slice();
  const V = Float64Array.from({ length: size * size }, (_, i) => (i % (size + 1) === 0 ? 1 : 0));
  const scale = Math.max(...A.map(Math.abs));
  for (let sweep = 0; sweep < 60; sweep++) {
    let off = 0;
    for (let p = 0; p < size; p++) {
      for (let q = p + 1; q < size; q++) {
        const apq = A[p * size + q]!;
        off = Math.max(off, Math.abs(apq));
        if (apq === 0) continue;
        const theta = (A[q * size + q]! - A[p * size + p]!) / (2 * apq);
        const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.hypot(theta, 1));
        const c = 1 / Math.hypot(t, 1);
        rotate(A, size, p, q, c, t * c);
        for (let k = 0; k < size; k++) {
          const [a, b] = [V[k * size + p]!, V[k * size + q]!];
          V[k * size + p] = c * a - t * c * b;
          V[k * size + q] = t * c * a + c * b;
        }
      }
    }
    if (off <= Number.EPSILON * scale) break;
  }
  const order = Array.from({ length: size }, (_, i) => i).sort(
    (i, j) => A[i * size + i]! - A[j * size + j]!,
  );
  return {
    values: Float64Array.from(order, (i) => A[i * size + i]!),
    vectors: order.map((i) => Float64Array.from({ length: size }, (_, k) => V[k * size + i]!)),
  };
}

/** `JᵀAJ` for the rotation J of the coordinates p and q. */
function rotate(A: Float64Array, size: number, p: number, q: number, c: number, s: number) {
  for (let k = 0; k < size; k++) {
    const [a, b] = [A[k * size + p]!, A[k * size + q]!];
    A[k * size + p] = c * a - s * b;
    A[k * size + q] = s * a + c * b;
  }
  for (let k = 0; k < size; k++) {
    const [a, b] = [A[p * size + k]!, A[q * size + k]!];
    A[p * size + k] = c * a - s * b;
    A[q * size + k] = s * a + c * b;
  }
}
