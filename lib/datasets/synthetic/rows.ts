import { InputError, ShapeError } from '../../errors';
import { float64 } from '../../spaces';
import type { Samples } from './data';

/** `X w` for the rows of X. */
export function multiply(X: readonly Float64Array[], w: Float64Array): Float64Array {
  return Float64Array.from(X, (row) => float64.dot(row, w));
}

/** `Xᵀ r`. */
export function multiplyTransposed(X: readonly Float64Array[], r: Float64Array): Float64Array {
  const sum = new Float64Array(X[0]!.length);
  X.forEach((row, i) => {
    for (let j = 0; j < sum.length; j++) sum[j]! += row[j]! * r[i]!;
  });
  return sum;
}

/**
 * The number of features of two sets that belong together.
 *
 * @throws InputError for a set without rows, ShapeError for rows or targets that do not fit
 */
export function featuresOf(train: Samples, validation: Samples): number {
  const features = train.X[0]?.length ?? 0;
  for (const [name, { X, y }] of Object.entries({ train, validation })) {
    if (X.length === 0 || features === 0) {
      throw new InputError({
        given: `${name} data without rows or features`,
        expected: 'at least one of each',
        remedy: 'Pass { X: rows, y: targets }.',
      });
    }
    if (X.length !== y.length || X.some((row) => row.length !== features)) {
      throw new ShapeError({
        given: `${name} data with ${X.length} rows, ${y.length} targets`,
        expected: `as many rows as targets, each row of ${features} features`,
        remedy: 'Give X by its rows, one for each target.',
      });
    }
  }
  return features;
}
