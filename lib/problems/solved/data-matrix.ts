import { type StoredMatrix, storedMatrix } from '../../backends/wasm/doubles';
import { type Matrix, multiply, multiplyTransposed } from '../../numbers';
import { requireLength } from './known-bilevel';
import { times } from './penalty';

/** Products with the rows of data. */
export type DataMatrix = Pick<StoredMatrix, 'multiply' | 'multiplyTransposed' | 'multiplyGram'>;

/** Data with fewer entries are multiplied where they are. */
const LEAST_ENTRIES = 4000;

/** Rows of one length, copied as they are now, for products with them: many in WebAssembly's memory. */
export function dataMatrix(given: Matrix): DataMatrix {
  const X = given.map((row) => row.slice());
  const width = X[0]?.length ?? 0;
  const stored = X.length * width >= LEAST_ENTRIES ? storedMatrix(X) : undefined;
  if (stored === undefined) {
    return {
      multiply: (x) => multiply(X, x),
      multiplyTransposed: (r) => multiplyTransposed(X, r),
      multiplyGram: (s, x, out) => out.set(multiplyTransposed(X, times(s, multiply(X, x)))),
    };
  }
  const checked = (x: Float64Array) => {
    requireLength(x, width, 'a vector that the data are multiplied by');
    return x;
  };
  return {
    multiply: (x) => stored.multiply(checked(x)),
    multiplyTransposed: (r) => stored.multiplyTransposed(r),
    multiplyGram: (s, x, out) => stored.multiplyGram(s, checked(x), out),
  };
}
