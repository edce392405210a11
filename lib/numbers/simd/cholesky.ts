import type { Pausing } from '../../event-loop';
import type { SquareMatrix } from '../square-matrix';
import { Lease, upTo } from './machine';
import { COLUMNS } from './row-products';

/** Fewer unknowns are factorized as fast without. */
export const LEAST_UNKNOWNS = 64;
/** Columns whose part of all rows stays in the cache. */
const BLOCK = 256;
/** Multiplications in one piece: some milliseconds. */
const PIECE = 8e6;

/** L, row after row, `stride` numbers each. */
export interface Factor {
  readonly L: Float64Array;
  readonly stride: number;
}

/**
 * `A = LLᵀ` by blocks of columns: products with what is known of L are subtracted, then four columns
 * at a time are completed.
 *
 * @returns `'indefinite'` where a pivot is at most `precision` times its entry, undefined where there is
 *   no WebAssembly
 */
export function* factorInBlocks(
  { size, entries }: SquareMatrix,
  precision: number,
): Pausing<Factor | 'indefinite' | undefined> {
  const stride = upTo(COLUMNS, size);
  const lease = Lease.of(stride * stride);
  if (lease === undefined) return undefined;
  try {
    const L = lease.numbers().fill(0);
    for (let i = 0; i < size; i++) {
      L.set(entries.subarray(i * size, i * size + i + 1), i * stride);
    }
    for (let first = 0; first < size; first += BLOCK) {
      const end = Math.min(first + BLOCK, size);
      for (let k = 0; k < first; k += BLOCK) {
        yield* subtractProducts(lease, stride, [first, end], k);
      }
      let sinceTurn = 0;
      for (let j = first; j < end; j += COLUMNS) {
        sinceTurn += (stride - j) * COLUMNS * (j - first + 4 * COLUMNS);
        if (sinceTurn > PIECE) {
          yield;
          sinceTurn = 0;
        }
        subtractColumns(lease, stride, j, j, first, j - first);
        if (!complete(lease.numbers(), { size, entries }, stride, j, precision)) {
          return 'indefinite';
        }
      }
    }
    return { L: lease.numbers().slice(), stride };
  } finally {
    lease.end();
  }
}

/** Subtracts from the columns of a block, on and below the diagonal, the products of columns k … k + BLOCK. */
function* subtractProducts(
  lease: Lease,
  stride: number,
  [first, end]: readonly [number, number],
  k: number,
): Pausing<void> {
  let sinceTurn = 0;
  for (let j = first; j < end; j += COLUMNS) {
    sinceTurn += (stride - j) * COLUMNS * BLOCK;
    if (sinceTurn > PIECE) {
      yield;
      sinceTurn = 0;
    }
    subtractColumns(lease, stride, j, j, k, BLOCK);
  }
}

/** Subtracts from entries (i …, j … j + 3) the products of `count` entries from column k on. */
function subtractColumns(
  lease: Lease,
  stride: number,
  i: number,
  j: number,
  k: number,
  count: number,
): void {
  if (count === 0) return;
  lease.numbers();
  const row = 8 * stride;
  const [a, b, c] = [i * row + 8 * k, j * row + 8 * k, i * row + 8 * j];
  lease.machine.subtract(a, stride * row + 8 * k, row, b, row, c, row, 8 * count);
}

/** Columns j … j + 3 of L, of which the products with earlier columns are subtracted; whether it is positive definite. */
function complete(
  L: Float64Array,
  { size, entries }: SquareMatrix,
  stride: number,
  j: number,
  precision: number,
): boolean {
  const count = Math.min(COLUMNS, size - j);
  for (let c = j; c < j + count; c++) {
    for (let i = c; i < j + count; i++) {
      let rest = L[i * stride + c]!;
      for (let k = j; k < c; k++) rest -= L[i * stride + k]! * L[c * stride + k]!;
      if (i === c) {
        if (!(rest > precision * entries[c * (size + 1)]!)) return false;
        L[i * stride + c] = Math.sqrt(rest);
      } else L[i * stride + c] = rest / L[c * (stride + 1)]!;
    }
  }
  // There are rows below four columns only.
  const below = j + COLUMNS;
  if (below >= size) return true;
  const [a, b, c, d] = [
    j * stride + j,
    (j + 1) * stride + j,
    (j + 2) * stride + j,
    (j + 3) * stride + j,
  ];
  const [aa, ba, bb] = [L[a]!, L[b]!, L[b + 1]!];
  const [ca, cb, cc] = [L[c]!, L[c + 1]!, L[c + 2]!];
  const [da, db, dc, dd] = [L[d]!, L[d + 1]!, L[d + 2]!, L[d + 3]!];
  for (let i = below, at = below * stride + j; i < size; i++, at += stride) {
    const x = L[at]! / aa;
    const y = (L[at + 1]! - x * ba) / bb;
    const z = (L[at + 2]! - x * ca - y * cb) / cc;
    L[at] = x;
    L[at + 1] = y;
    L[at + 2] = z;
    L[at + 3] = (L[at + 3]! - x * da - y * db - z * dc) / dd;
  }
  return true;
}
