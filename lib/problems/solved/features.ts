import type { Samples } from '../../datasets';
import { InputError, ShapeError } from '../../errors';
import { checkFloat64, checkRecord } from '../../options';

/**
 * The number of features of two sets that belong together.
 *
 * @throws InputError for a set without rows, ShapeError for rows or targets that do not fit
 */
export function featuresOf(train: Samples, validation: Samples): number {
  for (const [name, set] of Object.entries({ train, validation })) {
    checkRecord(set, `${name} data`, '{ X, y }');
    checkFloat64(set.y, `y of ${name} data`);
    if (!Array.isArray(set.X)) checkFloat64(undefined, `X of ${name} data, a list of rows`);
    for (const row of set.X) checkFloat64(row, `a row of ${name} data`);
  }
  const features = train.X[0]?.length ?? 0;
  for (const [name, { X, y }] of Object.entries({ train, validation })) {
    if (X.length === 0 || features === 0) {
      throw new InputError({
        given: `${name} data without rows or features`,
        expected: 'at least one row and one feature',
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
