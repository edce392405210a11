import type { Multiply } from '#platform/blas';

/** From how few columns on, and how many entries of the left factor, a product is taken in blocks. */
const [COLUMNS, ENTRIES] = [32, 2 ** 20];

/** How many rows of a few hundred numbers fit into the cache of a core. */
const ROWS = 512;

/** How many rows of the large matrix are in a block that is not copied, and how many numbers of each. */
const [HEIGHT, WIDTH] = [96, 512];

/** OpenBLAS multiplies at most this many times without copying a factor before, on one thread. */
const MOST_WITHOUT_COPY = 1e6;

/** Of how many threads one without copies is as fast. */
const FEW_THREADS = 2;

/** How a library multiplies: its cores with a kernel that copies no factor, and on how many threads. */
export interface Manner {
  withoutCopies: boolean;
  threads: number;
}

/** Whether OpenBLAS, by its own words about itself, has kernels for small products that copy nothing. */
export const multipliesWithoutCopies = (name: string): boolean =>
  /SkylakeX|Cooperlake|SapphireRapids/i.test(name);

/**
 * Products by a library of a large matrix with one of few columns, in blocks.
 *
 * OpenBLAS copies the large matrix as it goes, some hundred numbers of each row at once and of all rows:
 * that is more than a cache holds, and with few columns the copy is most of the work. Blocks of rows
 * stay in the cache. Where there are kernels without a copy, blocks small enough for them are faster
 * still, also than two threads that copy: those of a virtual machine are often one core's.
 */
export const inBlocks = (
  multiply: Multiply,
  { withoutCopies, threads }: Manner = { withoutCopies: false, threads: 1 },
): Multiply => {
  const isSmall = withoutCopies && threads <= FEW_THREADS;
  const [inRows, inTiles] = [rowByRow(multiply), tileByTile(multiply)];
  return (transposeA, transposeB, rows, columns, inner, a, b, c, add, strides) => {
    const isNarrow = columns <= COLUMNS && rows * inner >= ENTRIES;
    const narrow = isSmall && !transposeB ? inTiles : transposeA ? multiply : inRows;
    const chosen = isNarrow ? narrow : multiply;
    chosen(transposeA, transposeB, rows, columns, inner, a, b, c, add, strides);
  };
};

const rowByRow =
  (multiply: Multiply): Multiply =>
  (_, transposeB, rows, columns, inner, a, b, c, add, strides) => {
    const rowOfA = strides?.a ?? inner;
    for (let i = 0; i < rows; i += ROWS) {
      const count = Math.min(ROWS, rows - i);
      const [left, to] = [a.subarray(i * rowOfA), c.subarray(i * columns)];
      multiply(false, transposeB, count, columns, inner, left, b, to, add, strides);
    }
  };

/** B as it is in memory, A either way. */
const tileByTile =
  (multiply: Multiply): Multiply =>
  (transposeA, _, rows, columns, inner, a, b, c, add, strides) => {
    const distances = strides ?? { a: transposeA ? rows : inner, b: columns };
    // Of the large matrix as it is in memory.
    const [height, width] = transposeA ? [inner, rows] : [rows, inner];
    const tile = tileOf(height, width, columns);
    for (let i = 0; i < height; i += tile.height) {
      const m = Math.min(tile.height, height - i);
      for (let j = 0; j < width; j += tile.width) {
        const n = Math.min(tile.width, width - j);
        const [row, p] = transposeA ? [j, i] : [i, j];
        const [count, terms] = transposeA ? [n, m] : [m, n];
        const left = a.subarray(i * distances.a + j);
        const [right, to] = [b.subarray(p * distances.b), c.subarray(row * columns)];
        multiply(
          ...([transposeA, false, count, columns, terms] as const),
          ...([left, right, to, add || p > 0, distances] as const),
        );
      }
    }
  };

/** Equal parts of each row, and as many rows as a product without a copy may have; of whole vectors. */
function tileOf(height: number, width: number, columns: number) {
  const part = Math.ceil(width / Math.ceil(width / WIDTH));
  const most = Math.floor(MOST_WITHOUT_COPY / (part * columns) / LANES) * LANES;
  return { width: part, height: Math.min(height, HEIGHT, Math.max(LANES, most)) };
}

const LANES = 16;
