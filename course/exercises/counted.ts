import type { LinearOperator } from 'implicit-lab';
import { describe } from './describe';

/** An operator that counts what is asked of it. */
export interface CountedOperator extends LinearOperator<Float64Array> {
  transpose(v: Float64Array): Float64Array;
  /** Products `A v` and `Aᵀ v` so far. */
  products: number;
}

/**
 * The operator of a float64 matrix, given by its rows, that counts its products.
 *
 * After the answer has run, a probe can see whether a matrix was formed column by column.
 */
export function countedMatrix(rows: readonly (readonly number[])[]): CountedOperator {
  const height = rows.length;
  const width = rows[0]?.length ?? 0;
  const require = (v: ArrayLike<number>, length: number, what: string) => {
    if (v?.length === length) return;
    throw new RangeError(`${what} expects ${length} numbers, but was given ${describe(v)}`);
  };
  const operator: CountedOperator = {
    products: 0,
    apply(v) {
      require(v, width, 'apply');
      operator.products += 1;
      return Float64Array.from(rows, (row) => row.reduce((sum, a, j) => sum + a * v[j]!, 0));
    },
    transpose(v) {
      require(v, height, 'transpose');
      operator.products += 1;
      return Float64Array.from({ length: width }, (_, j) =>
        rows.reduce((sum, row, i) => sum + row[j]! * v[i]!, 0),
      );
    },
    dispose() {},
  };
  return operator;
}
