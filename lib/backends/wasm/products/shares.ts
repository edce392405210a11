import type { Heap } from '../kernels/heap';
import { LEAST_WORK } from '../threads/limits';
import { type Argument, isShared, runInShares } from '../threads/pool';
import type { Multiply } from './multiply';
import type { Transpose } from './transpose';

/** Multiplications that take as long as one addition in memory, see `LEAST_WORK`. */
const OF_ONE_ADDITION = 12;

/** Rows that a share is a multiple of: whole tiles. */
const UNIT = 12;

interface Loops {
  multiply: Multiply;
  transpose: Transpose;
}

/** Whether a product is large enough for all threads. */
export const isWorthSharing = (heap: Heap, m: number, n: number, k: number): boolean =>
  isShared(heap) && m >= 4 * UNIT && m * n * k >= OF_ONE_ADDITION * LEAST_WORK;

const fixed = (value: number): Argument => [value, 0, 0];

/** The same in shares of rows, on all threads where that is faster. */
export const inShares = (heap: Heap, { multiply, transpose }: Loops): Loops => ({
  multiply(a, rowOfA, columnOfA, b, rowOfB, panelOfB, out, rowOfOut, rows, columns, k) {
    const size = rows * columns * k;
    runInShares(heap, {
      run: multiply as (...values: number[]) => void,
      ...{ count: rows, size, work: size / OF_ONE_ADDITION, unit: UNIT },
      arguments: [
        ...([[a, rowOfA, 0], fixed(rowOfA), fixed(columnOfA)] as const),
        ...[b, rowOfB, panelOfB].map(fixed),
        ...([[out, rowOfOut, 0], fixed(rowOfOut), [0, 0, 1]] as const),
        ...[columns, k].map(fixed),
      ],
    });
  },
  transpose(x, rowOfX, rows, width, out, rowOfOut) {
    runInShares(heap, {
      run: transpose as (...values: number[]) => void,
      ...{ count: width / 4, size: rows * width, work: (rows * width) / 4, unit: UNIT },
      arguments: [
        ...([[x, 4, 0], fixed(rowOfX), fixed(rows), [0, 0, 4]] as const),
        ...([[out, rowOfOut, 0], fixed(rowOfOut)] as const),
      ],
    });
  },
});
