import type { Matrix } from '../rows';
import type { SquareMatrix } from '../square-matrix';
import { Lease, upTo } from './machine';
import { COLUMNS } from './row-products';

/** Multiplications from which it is worth it. */
const LEAST_WORK = 1e5;
/** Numbers of each row that are multiplied at a time, and rows whose parts stay in the cache. */
const TOGETHER = 256;

/** The rows of a matrix: how many, how long, and some numbers of all of them. */
export interface RowsOf {
  readonly count: number;
  readonly length: number;
  /** Puts numbers `from` up to `to` of each row, rows `stride` apart, where there are zeros. */
  put(out: Float64Array, stride: number, from: number, to: number): void;
}

/** The rows of R. */
export const rowsOf = (R: Matrix): RowsOf => ({
  count: R.length,
  length: R[0]?.length ?? 0,
  put(out, stride, from, to) {
    for (let i = 0; i < R.length; i++) out.set(R[i]!.subarray(from, to), i * stride);
  },
});

/** Its columns. */
export const columnsOf = (R: Matrix): RowsOf => ({
  count: R[0]?.length ?? 0,
  length: R.length,
  put(out, stride, from, to) {
    for (let k = from; k < to; k++) {
      const row = R[k]!;
      for (let i = 0, at = k - from; i < row.length; i++, at += stride) out[at] = row[i]!;
    }
  },
});

/**
 * The lower triangle of the inner products of each row with each other, some numbers of all rows after
 * others.
 *
 * @returns undefined where there is too little to do, no WebAssembly or no room
 */
export function crossProductsInBlocks(rows: RowsOf): SquareMatrix | undefined {
  const { count: size, length } = rows;
  if (size < COLUMNS || size * size * length < 2 * LEAST_WORK) return undefined;
  const padded = upTo(COLUMNS, size);
  const part = padded * TOGETHER;
  const lease = Lease.of(part + padded * padded);
  if (lease === undefined) return undefined;
  try {
    const numbers = lease.numbers();
    const products = numbers.subarray(part).fill(0);
    for (let from = 0; from < length; from += TOGETHER) {
      const to = Math.min(from + TOGETHER, length);
      const width = upTo(COLUMNS, to - from);
      const panel = numbers.subarray(0, padded * width).fill(0);
      rows.put(panel, width, from, to);
      addProducts(lease, padded, width);
    }
    const entries = new Float64Array(size * size);
    for (let i = 0; i < size; i++) {
      entries.set(products.subarray(i * padded, i * padded + i + 1), i * size);
    }
    return { size, entries };
  } finally {
    lease.end();
  }
}

/** Adds the products of rows of `width` numbers, which are in front of the sums. */
function addProducts({ machine }: Lease, padded: number, width: number): void {
  const sums = 8 * padded * TOGETHER;
  const [row, next] = [8 * width, 8 * padded];
  for (let first = 0; first < padded; first += TOGETHER) {
    const end = Math.min(first + TOGETHER, padded);
    for (let j = 0; j < end; j += COLUMNS) {
      const i = Math.max(first, j);
      machine.add(i * row, end * row, row, j * row, row, sums + i * next + 8 * j, next, row);
    }
  }
}
