import type { Multiply } from '#platform/blas';

/** From how few columns on, and how many entries of the left factor, a product is taken in blocks. */
const [COLUMNS, ENTRIES] = [32, 2 ** 20];

/** How many rows of a few hundred numbers fit into the cache of a core. */
const ROWS = 512;

/**
 * Products by a library of a large matrix with one of few columns in blocks of rows.
 *
 * OpenBLAS copies the large matrix as it goes, some hundred numbers of each row at once and of all rows:
 * that is more than a cache holds, and with few columns the copy is most of the work.
 */
export const inRows =
  (multiply: Multiply): Multiply =>
  (transposeA, transposeB, rows, columns, inner, a, b, c, add, strides) => {
    const isNarrow = !transposeA && columns <= COLUMNS && rows * inner >= ENTRIES;
    if (!isNarrow) {
      multiply(transposeA, transposeB, rows, columns, inner, a, b, c, add, strides);
      return;
    }
    const rowOfA = strides?.a ?? inner;
    for (let i = 0; i < rows; i += ROWS) {
      const count = Math.min(ROWS, rows - i);
      const [left, to] = [a.subarray(i * rowOfA), c.subarray(i * columns)];
      multiply(false, transposeB, count, columns, inner, left, b, to, add, strides);
    }
  };
