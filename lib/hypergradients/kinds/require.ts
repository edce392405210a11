import { InputError } from '../../errors';
import { phrase } from '../../options';

/** @throws InputError unless the value is a list of lists of finite numbers. */
export function checkRows(value: unknown, what: string): void {
  const isRow = (row: unknown) => Array.isArray(row) && row.every(Number.isFinite);
  if (Array.isArray(value) && value.every(isRow)) return;
  throw new InputError({
    given: `${phrase(value)} as ${what}`,
    expected: 'rows of finite numbers',
    remedy: 'Pass a list of lists: [[1, 0], [0, 1]].',
  });
}

/** @throws InputError unless the value is a list of sizes. */
export function checkShape(value: unknown): void {
  const isSize = (size: unknown) => Number.isSafeInteger(size) && (size as number) >= 1;
  if (Array.isArray(value) && value.every(isSize)) return;
  throw new InputError({
    given: `${phrase(value)} as a shape`,
    expected: 'a list of whole numbers of at least 1',
    remedy: 'Pass the shape of one input: [784].',
  });
}
