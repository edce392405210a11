import type { Multiply } from '#platform/blas';

/**
 * How many terms a library may add to one number in float32: few where the result is large, since a call
 * costs as much as thousands of multiplications.
 */
const [LEAST, MOST] = [1024, 4096];
const WORTH = 2 ** 18;
const partFor = (entries: number) =>
  Math.min(MOST, Math.max(LEAST, Math.ceil(WORTH / Math.max(1, entries))));

/** How many partial sums are added in float32; their totals are added in float64. */
const PARTS = 16;

/**
 * Products by a library with long inner axes in parts.
 *
 * Some kernels of OpenBLAS add all terms to one number in float32: 200,000 equal ones are off by 1e-3.
 * The parts are where they are, by the distances of their rows.
 *
 * @param termsFor how many terms a part may have, where the result has so many numbers
 */
export const inParts =
  (multiply: Multiply, termsFor: (entries: number) => number = partFor): Multiply =>
  (transposeA, transposeB, rows, columns, inner, a, b, c, add, strides) => {
    const size = rows * columns;
    const count = Math.ceil(inner / termsFor(size));
    if (count <= 1) {
      multiply(transposeA, transposeB, rows, columns, inner, a, b, c, add, strides);
      return;
    }
    const { a: rowOfA, b: rowOfB } = strides ?? {
      a: transposeA ? rows : inner,
      b: transposeB ? inner : columns,
    };
    const most = Math.ceil(inner / count);
    const part = (i: number, to: Float32Array, addsPart: boolean) => {
      const from = i * most;
      const length = Math.min(most, inner - from);
      if (length <= 0) return;
      const left = a.subarray(transposeA ? from * rowOfA : from);
      const right = b.subarray(transposeB ? from : from * rowOfB);
      const distances = { a: rowOfA, b: rowOfB };
      multiply(
        ...([transposeA, transposeB, rows, columns, length] as const),
        ...([left, right, to, addsPart, distances] as const),
      );
    };
    const parts = (begin: number, end: number, to: Float32Array, addsFirst: boolean) => {
      for (let i = begin; i < end; i++) part(i, to, addsFirst || i > begin);
    };
    if (count <= PARTS) {
      parts(0, count, c, add);
      return;
    }
    const totals = new Float64Array(size);
    if (add) totals.set(c.subarray(0, size));
    const sums = new Float32Array(size);
    for (let i = 0; i < count; i += PARTS) {
      parts(i, Math.min(i + PARTS, count), sums, false);
      for (let o = 0; o < size; o++) totals[o]! += sums[o]!;
    }
    c.set(totals);
  };
