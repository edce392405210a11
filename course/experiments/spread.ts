import { InputError } from 'implicit-lab';
import { checkList, checkNoMore, shown } from 'implicit-lab/support';

/** The least, the middle and the largest of what several seeds gave. */
export interface Spread {
  low: number;
  middle: number;
  high: number;
}

/** Least, median (the lower one of two) and largest value; NaN counts as `Infinity`: a run that diverged. */
export function spreadOf(values: readonly number[]): Spread {
  checkNoMore('spreadOf', arguments, 1);
  checkList(values, 'the values of a spread');
  const odd = values.find((value) => typeof value !== 'number');
  if (odd !== undefined) {
    throw new InputError({
      given: `${shown(odd)} among the values of a spread`,
      expected: 'numbers',
      remedy: 'Read the numbers of tensors first.',
    });
  }
  if (values.length === 0) {
    throw new InputError({
      given: 'the spread of no values',
      expected: 'at least one value',
      remedy: 'Run at least one seed.',
    });
  }
  const sorted = values
    .map((value) => (Number.isNaN(value) ? Number.POSITIVE_INFINITY : value))
    .sort((a, b) => a - b);
  return {
    low: sorted[0]!,
    middle: sorted[(sorted.length - 1) >> 1]!,
    high: sorted[sorted.length - 1]!,
  };
}

/** The rate a method is to be reported at. */
export interface Chosen {
  rate: number;
  /** Its place in the grid. */
  at: number;
  /** Whether there are rates on both sides of it: if not, the grid has to be extended. */
  interior: boolean;
}

/**
 * The rate of a grid with the least median score (for example a validation loss).
 *
 * @param scores for each rate, the scores of all seeds; NaN for a run that diverged
 * @throws InputError if there are not as many lists of scores as rates
 */
export function bestRate(rates: readonly number[], scores: readonly (readonly number[])[]): Chosen {
  checkNoMore('bestRate', arguments, 2);
  checkList(rates, 'the rates');
  checkList(scores, 'the scores');
  if (rates.length !== scores.length || rates.length === 0) {
    throw new InputError({
      given: `${rates.length} rates and scores for ${scores.length}`,
      expected: 'a list of scores for each rate',
      remedy: 'Score each rate of the grid.',
    });
  }
  const middles = scores.map((values) => spreadOf(values).middle);
  const at = middles.indexOf(Math.min(...middles));
  return { rate: rates[at]!, at, interior: at > 0 && at < rates.length - 1 };
}
