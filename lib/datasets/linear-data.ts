import { InputError } from '../errors';
import { type Random, random } from '../numbers';
import { checkCount, checkNoMore, checkOptionNames, shown } from '../options';
import { float64 } from '../spaces';

/** Samples by rows, with a number for each: a target, or a label 0 or 1. */
export interface Samples {
  X: Float64Array[];
  y: Float64Array;
}

/** Samples to learn from and to validate with, and the weights they were made with. */
export interface LinearData {
  train: Samples;
  validation: Samples;
  weights: Float64Array;
}

/** What a data set drawn from a linear model is made with. */
export interface LinearDataOptions {
  /** Samples to learn from. */
  train: number;
  /** Samples to validate with; as many as to learn from, unless given. */
  validation?: number;
  /** How many numbers a sample has. */
  features: number;
  /** How many of the weights are not 0, the first ones; all, unless given. */
  relevant?: number;
  /** Largest over smallest variance of a feature, at least 1; 1 unless given. */
  condition?: number;
  /** Of `random`: a whole number of at least 0. */
  seed: number;
}

const NAMES = ['train', 'validation', 'features', 'relevant', 'condition', 'seed'];

/**
 * Targets `y = xᵀw + noise · ε` of normal features, weights and ε.
 *
 * The variances of the features fall geometrically from 1 to 1/`condition`.
 *
 * @param given.noise the standard deviation of the noise; .1 unless given
 * @throws InputError if a count is not a whole number of at least 1, more weights are to be relevant than
 *   there are, or the condition, the noise or the seed is out of range
 */
export function regressionData(given: LinearDataOptions & { noise?: number }): LinearData {
  checkNoMore('regressionData', arguments, 1);
  checkOptionNames('regressionData', given, [...NAMES, 'noise']);
  const { noise = 0.1, ...options } = given;
  if (!(typeof noise === 'number' && noise >= 0 && noise < Number.POSITIVE_INFINITY)) {
    throw new InputError({
      given: `noise: ${shown(noise)}`,
      expected: 'a finite standard deviation of at least 0',
      remedy: 'Leave it out for .1.',
    });
  }
  return linearData(options, (z, stream) => z + noise * stream.normal());
}

/**
 * Labels 0 and 1, the latter with probability `1/(1 + exp(−xᵀw))`, of normal features and weights.
 *
 * The variances of the features fall geometrically from 1 to 1/`condition`.
 *
 * @throws InputError as `regressionData` does
 */
export function classificationData(options: LinearDataOptions): LinearData {
  checkNoMore('classificationData', arguments, 1);
  checkOptionNames('classificationData', options, NAMES);
  return linearData(options, (z, stream) => (stream.uniform() < 1 / (1 + Math.exp(-z)) ? 1 : 0));
}

function linearData(
  options: LinearDataOptions,
  target: (z: number, stream: Random) => number,
): LinearData {
  const { train, validation = train, features, relevant = features, condition = 1 } = options;
  const counts = { train, validation, features, relevant };
  for (const [name, count] of Object.entries(counts))
    checkCount(count, `${name}:`, { most: 2 ** 32 - 1 });
  checkCount(relevant, 'relevant:', { most: features, remedy: 'Leave it out for all.' });
  if (!(typeof condition === 'number' && condition >= 1 && condition < Number.POSITIVE_INFINITY)) {
    throw new InputError({
      given: `condition: ${shown(condition)}`,
      expected: 'a finite number of at least 1',
      remedy: 'It is the largest variance of a feature over the smallest; 1 unless given.',
    });
  }
  const stream = random(options.seed);
  const weights = stream.normals(features).fill(0, relevant);
  const deviations = Float64Array.from(
    weights,
    (_, j) => condition ** (-j / (2 * Math.max(1, features - 1))),
  );
  const samples = (rows: number): Samples => {
    const X = Array.from({ length: rows }, () =>
      stream.normals(features).map((value, j) => value * deviations[j]!),
    );
    return { X, y: Float64Array.from(X, (x) => target(float64.dot(x, weights), stream)) };
  };
  return { train: samples(train), validation: samples(validation), weights };
}
