import type { Pattern } from '../../backends/wasm/fused/loop';
import { viewsIn } from './entries';
import { type Entries, NotLowered, sizeOf } from './value';

/**
 * How a tensor is spread to a shape: the pattern, and the length of the rows that it needs.
 *
 * @throws NotLowered where a loop over rows and columns does not do
 */
export function fitOf(
  own: readonly number[],
  shape: readonly number[],
): { pattern: Pattern; columns?: number } {
  const size = sizeOf(own);
  if (size === sizeOf(shape)) return { pattern: 'place' };
  if (size === 1) return { pattern: 'all' };
  const padded = [...new Array<number>(shape.length - own.length).fill(1), ...own];
  const first = padded.findIndex((length) => length !== 1);
  const last = padded.findLastIndex((length) => length !== 1);
  const same = (from: number, to: number) =>
    padded.slice(from, to).every((length, i) => length === shape[from + i]);
  if (same(first, shape.length)) return { pattern: 'column', columns: size };
  if (same(0, last + 1)) {
    return { pattern: 'row', columns: sizeOf(shape.slice(last + 1)) };
  }
  throw new NotLowered('a broadcast along an axis in between');
}

/** @throws NotLowered unless one loop reads all views in a function of entries of some shape. */
export function checkFits(entries: Entries, shape: readonly number[]): void {
  const lengths = viewsIn(entries).map((view) => fitOf(view.shape, shape).columns);
  const rows = new Set(lengths.filter((columns) => columns !== undefined));
  if (rows.size > 1) throw new NotLowered('broadcasts to rows of several lengths');
}
