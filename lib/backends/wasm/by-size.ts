import type { Multiply } from '#platform/blas';

/** From so many multiplications on, a product takes longer alone than it takes to wake other threads. */
export const LEAST_SHARED = 2 ** 22;

/** Products by a library on one thread where they are small, else on so many. */
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
