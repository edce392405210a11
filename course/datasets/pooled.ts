import { InputError } from 'implicit-lab';
import { checkList, checkNoMore, checkOptionNames, shown } from 'implicit-lab/support';
import { CLASSES, checkDigits, type Digits, PIXELS, pick } from './mnist';

const SIDE = 28;

/**
 * The digits with one of the given labels, in their order, as a copy.
 *
 * @param options.most as many of them at most. Default: all
 * @throws InputError for labels that are none, or a number that is not whole
 */
export function digitsOf(
  digits: Digits,
  labels: readonly number[],
  options: { most?: number } = {},
): Digits {
  checkNoMore('digitsOf', arguments, 3);
  checkDigits(digits);
  checkList(labels, 'the labels of digitsOf');
  checkOptionNames('digitsOf', options, ['most']);
  const { most = digits.count } = options;
  const wrong = labels.find((label) => !(Number.isInteger(label) && label >= 0 && label < CLASSES));
  if (wrong !== undefined || !(Number.isInteger(most) && most >= 0)) {
    throw new InputError({
      given: `digitsOf(…, [${labels.map((label) => shown(label)).join(', ')}], { most: ${shown(most)} })`,
      expected: 'labels from 0 to 9, and a whole number of digits',
      remedy: 'Write digitsOf(digits, [3, 8], { most: 500 }), for example.',
    });
  }
  const found: number[] = [];
  for (let i = 0; i < digits.count && found.length < most; i++) {
    if (labels.includes(digits.labels[i]!)) found.push(i);
  }
  return pick(digits, found);
}

/**
 * Small digits: a row of numbers from 0 to 1 for each, the means over squares of `side` × `side` pixels,
 * row by row, and behind them a constant 1 for linear models.
 *
 * @param options.side 1, 2, 4, 7, 14 or 28 pixels. Default 4, for 49 means
 * @param options.constant whether there is the constant 1. Default true
 * @returns `count` rows of `(28/side)²` numbers, and one more with the constant
 * @throws InputError for a side that does not divide 28
 */
export function pooled(
  digits: Digits,
  options: { side?: number; constant?: boolean } = {},
): Float64Array[] {
  checkNoMore('pooled', arguments, 2);
  checkDigits(digits);
  checkOptionNames('pooled', options, ['side', 'constant']);
  const { side = 4, constant = true } = options;
  if (!Number.isInteger(side) || side < 1 || SIDE % side !== 0) {
    throw new InputError({
      given: `squares of ${shown(side)} pixels`,
      expected: 'a whole number that divides 28',
      remedy: 'Take 4, for 7 × 7 means.',
    });
  }
  const across = SIDE / side;
  return Array.from({ length: digits.count }, (_, i) => {
    const features = new Float64Array(across * across + (constant ? 1 : 0));
    if (constant) features[across * across] = 1;
    digits.images.subarray(i * PIXELS, (i + 1) * PIXELS).forEach((value, k) => {
      const [row, column] = [Math.floor(k / SIDE), k % SIDE];
      features[across * Math.floor(row / side) + Math.floor(column / side)]! += value / side ** 2;
    });
    return features;
  });
}
