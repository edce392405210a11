import type { Matrix } from './rows';
import { columnsOf, crossProductsInBlocks, rowsOf } from './simd';
import type { SquareMatrix } from './square-matrix';

/** `R Rᵀ` for the rows of R: the inner product of each row with each other. */
export const crossProducts = (R: Matrix): SquareMatrix =>
  mirrored(crossProductsInBlocks(rowsOf(R)) ?? byPairsOfRows(R));

/** `RᵀR`: the inner product of each column with each other. */
export const columnProducts = (R: Matrix): SquareMatrix =>
  mirrored(crossProductsInBlocks(columnsOf(R)) ?? byPairsOfRows(transposed(R)));

/** The lower triangle of `R Rᵀ`, without WebAssembly. */
export function byPairsOfRows(R: Matrix): SquareMatrix {
  const size = R.length;
  const entries = new Float64Array(size * size);
  // Two rows by four: each number that is read takes part in several products.
  for (let i = 0; i < size; i += 2) {
    for (let j = 0; j <= i + 1; j += 4) products(R, i, j, entries);
  }
  return { size, entries };
}

/** Rows and columns of a tile that stays in the cache while it is mirrored. */
const TILE = 16;

/** Sets the entries above the diagonal to those below it. */
function mirrored({ size, entries }: SquareMatrix): SquareMatrix {
  for (let first = 0; first < size; first += TILE) {
    const end = Math.min(first + TILE, size);
    for (let from = 0; from <= first; from += TILE) {
      for (let i = first; i < end; i++) {
        const to = Math.min(from + TILE, i);
        for (let j = from; j < to; j++) entries[j * size + i] = entries[i * size + j]!;
      }
    }
  }
  return { size, entries };
}

/** The products of rows i, i + 1 with rows j … j + 3, where there are such. */
function products(R: Matrix, i: number, j: number, entries: Float64Array): void {
  const size = R.length;
  if (i + 2 > size || j + 4 > size) {
    for (let a = i; a < Math.min(i + 2, size); a++) {
      for (let b = j; b < Math.min(j + 4, size); b++) entries[a * size + b] = dot(R[a]!, R[b]!);
    }
    return;
  }
  const a0 = R[i]!;
  const a1 = R[i + 1]!;
  const b0 = R[j]!;
  const b1 = R[j + 1]!;
  const b2 = R[j + 2]!;
  const b3 = R[j + 3]!;
  let s00 = 0;
  let s01 = 0;
  let s02 = 0;
  let s03 = 0;
  let s10 = 0;
  let s11 = 0;
  let s12 = 0;
  let s13 = 0;
  for (let k = 0; k < a0.length; k++) {
    const u = a0[k]!;
    const v = a1[k]!;
    const p = b0[k]!;
    const q = b1[k]!;
    const r = b2[k]!;
    const s = b3[k]!;
    s00 += u * p;
    s01 += u * q;
    s02 += u * r;
    s03 += u * s;
    s10 += v * p;
    s11 += v * q;
    s12 += v * r;
    s13 += v * s;
  }
  entries.set([s00, s01, s02, s03], i * size + j);
  entries.set([s10, s11, s12, s13], (i + 1) * size + j);
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let k = 0; k < a.length; k++) sum += a[k]! * b[k]!;
  return sum;
}

/** The columns of a matrix as rows. */
function transposed(R: Matrix): Float64Array[] {
  const columns = R[0]?.length ?? 0;
  const result = Array.from({ length: columns }, () => new Float64Array(R.length));
  for (let i = 0; i < R.length; i++) {
    const row = R[i]!;
    for (let j = 0; j < columns; j++) result[j]![i] = row[j]!;
  }
  return result;
}
