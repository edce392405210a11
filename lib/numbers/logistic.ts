import { InputError } from '../errors';

/** @throws InputError unless all labels are 0 or 1 */
export function requireLabels(y: Float64Array): void {
  const wrong = y.find((label) => label !== 0 && label !== 1);
  if (wrong === undefined) return;
  throw new InputError({
    given: `a label of ${wrong}`,
    expected: 'labels 0 and 1',
    remedy: 'Map −1 to 0.',
  });
}

/** `1/(1 + e⁻ᶻ)`, the probability of the label 1. */
export function sigmoid(z: number): number {
  return 1 / (1 + Math.exp(-z));
}
