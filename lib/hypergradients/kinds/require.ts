import { InputError } from '../../errors';

/** @throws InputError unless the value is a positive whole number. */
export function requireWhole(value: number, what: string): void {
  if (Number.isSafeInteger(value) && value >= 1) return;
  throw new InputError({
    given: `${what} of ${value}`,
    expected: 'a whole number of at least 1',
    remedy: 'Pass how many there are.',
  });
}
