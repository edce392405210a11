/**
 * C = A B on row-major matrices in memory, A and B possibly transposed, added to C where asked.
 *
 * `strides` are how far apart the rows of A and B are in memory, where they are parts of longer
 * ones.
 */
export type Multiply = (
  transposeA: boolean,
  transposeB: boolean,
  rows: number,
  columns: number,
  inner: number,
  a: Float32Array,
  b: Float32Array,
  c: Float32Array,
  add: boolean,
  strides?: { a: number; b: number },
) => void;

/** A library of the system that multiplies matrices. */
export interface Blas {
  /** Its own words about itself: `OpenBLAS 0.3.21 … Zen MAX_THREADS=64`. */
  name: string;
  multiply: Multiply;
  setThreads(threads: number): void;
}
