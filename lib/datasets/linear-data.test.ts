import { expect, it } from 'vitest';
import { InputError } from '../errors';
import { classificationData, regressionData } from '.';

const sizes = { train: 20_000, features: 3, seed: 1 };

it('the variances of the features fall from 1 to 1/condition', () => {
  const { X } = regressionData({ ...sizes, condition: 100 }).train;
  for (const [j, expected] of [1, 0.1, 0.01].entries()) {
    const variance = X.reduce((sum, x) => sum + x[j]! ** 2, 0) / X.length;
    expect(variance / expected).toBeCloseTo(1, 1);
  }
});

it('targets and labels are of the model', () => {
  const { train, validation, weights } = regressionData({ ...sizes, relevant: 2 });
  expect(validation.X).toHaveLength(sizes.train);
  expect(weights[2]).toBe(0);
  expect(weights[0]! * weights[1]!).not.toBe(0);
  const z = (x: Float64Array, w: Float64Array) => x.reduce((sum, v, j) => sum + v * w[j]!, 0);
  const noise = train.X.reduce((sum, x, i) => sum + (train.y[i]! - z(x, weights)) ** 2, 0);
  expect(Math.sqrt(noise / sizes.train)).toBeCloseTo(0.1, 2);
  const { train: labelled, weights: w } = classificationData(sizes);
  const surplus = labelled.X.reduce(
    (sum, x, i) => sum + labelled.y[i]! - 1 / (1 + Math.exp(-z(x, w))),
    0,
  );
  expect(Math.abs(surplus) / sizes.train).toBeLessThan(0.01);
});

it.each([
  { relevant: 4 },
  { relevant: 0 },
  { condition: 0.5 },
  { condition: Number.NaN },
  { noise: -1 },
  { seed: -1 },
  { train: 0 },
])('%j is refused', (options) => {
  expect(() => regressionData({ ...sizes, train: 2, ...options })).toThrow(InputError);
});
