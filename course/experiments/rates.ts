import { InputError } from 'implicit-lab';
import { checkNoMore, shown } from 'implicit-lab/support';

/**
 * Learning rates from `from` to `to`, a factor of √10 apart: `.01, .032, .1, .32, …`, rounded to two
 * digits.
 *
 * @throws InputError unless `0 < from <= to`
 */
export function rateGrid(from: number, to: number): number[] {
  checkNoMore('rateGrid', arguments, 2);
  if (
    !(
      typeof from === 'number' &&
      typeof to === 'number' &&
      from > 0 &&
      from <= to &&
      Number.isFinite(to)
    )
  ) {
    throw new InputError({
      given: `rates from ${shown(from)} to ${shown(to)}`,
      expected: 'two positive numbers, the smaller first',
      remedy: 'Write rateGrid(0.01, 1000), for example.',
    });
  }
  // Half a step of tolerance: 2 log₁₀ of a rounded end is not quite a whole number.
  const [first, last] = [Math.round(2 * Math.log10(from)), Math.round(2 * Math.log10(to))];
  return Array.from({ length: last - first + 1 }, (_, i) =>
    Number((10 ** ((first + i) / 2)).toPrecision(2)),
  );
}
