import { alignedAtPoint, formatNumber } from '../../output';

const MOST_ROWS = 6;
const MOST_COLUMNS = 8;
/** As many numbers are listed in a line. */
export const FEW = 4;

/**
 * Numbers as aligned lines, a few of each dimension: of three and more, the first slice.
 *
 * @param values row by row, all that `shape` has
 */
export function gridText(values: ArrayLike<number>, shape: readonly number[]): string {
  const [rows, columns] = [shape.at(-2) ?? 1, shape.at(-1) ?? 1];
  const [shownRows, shownColumns] = [Math.min(rows, MOST_ROWS), Math.min(columns, MOST_COLUMNS)];
  const written: string[] = [];
  for (let row = 0; row < shownRows; row++) {
    for (let column = 0; column < shownColumns; column++) {
      written.push(formatNumber(values[row * columns + column]!));
    }
  }
  const aligned = alignedAtPoint(written);
  const width = Math.max(0, ...aligned.map((text) => text.length));
  const lines = Array.from({ length: shownRows }, (_, row) => {
    const cells = aligned.slice(row * shownColumns, (row + 1) * shownColumns);
    const line = cells.map((text) => text.padStart(width)).join('  ');
    return columns > shownColumns ? `${line.trimEnd()}  …` : line.trimEnd();
  });
  if (rows > shownRows) lines.push('⋮');
  if (shape.length > 2) lines.unshift(`[${'0, '.repeat(shape.length - 2)}:, :]`);
  return lines.join('\n');
}

/** Numbers in one line: a few, or else smallest, mean and largest, and how many are none. */
export function rangeWords(values: ArrayLike<number>): string {
  return values.length <= FEW ? listed(values) : rangeOf(values);
}

const listed = (values: ArrayLike<number>) =>
  Array.from(values, (value) => formatNumber(value)).join(', ');

function rangeOf(values: ArrayLike<number>): string {
  let [min, max, sum, finite] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, 0];
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (!Number.isFinite(value)) continue;
    min = Math.min(min, value);
    max = Math.max(max, value);
    sum += value;
    finite += 1;
  }
  const words = [];
  if (finite > 0) {
    const numbers = [`min ${formatNumber(min)}`, `mean ${formatNumber(sum / finite)}`];
    words.push(...numbers, `max ${formatNumber(max)}`);
  }
  const wrong = values.length - finite;
  if (wrong > 0) words.push(`${formatNumber(wrong)} not finite`);
  return words.join(', ');
}
