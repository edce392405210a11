import type { Multiply } from '#platform/blas';

/** From this many multiplications, a product on one thread takes longer than waking others. */
export const LEAST_SHARED = 2 ** 22;

/** Products by a library: small ones on one thread, others on the given number. */
export function bySize(
  multiply: Multiply,
  setThreads: (threads: number) => void,
  threads: number,
): Multiply {
  setThreads(threads);
  let current = threads;
  return (transposeA, transposeB, rows, columns, inner, a, b, c, add, strides) => {
    const wanted = rows * columns * inner < LEAST_SHARED ? 1 : threads;
    if (wanted !== current) setThreads(wanted);
    current = wanted;
    multiply(transposeA, transposeB, rows, columns, inner, a, b, c, add, strides);
  };
}
