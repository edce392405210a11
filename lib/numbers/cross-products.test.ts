import { expect, it } from 'vitest';
import { columnProducts, crossProducts, type Matrix, random } from '.';

it.each([0, 1, 2, 3, 4, 5, 7, 8, 11])('multiplies %d rows with each other', (size) => {
  const stream = random(size);
  const R = Array.from({ length: size }, () => stream.normals(13));
  const { entries } = crossProducts(R);
  expect(entries).toHaveLength(size * size);
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < size; j++) {
      const product = R[i]!.reduce((sum, value, k) => sum + value * R[j]![k]!, 0);
      expect(entries[i * size + j]).toBeCloseTo(product, 12);
    }
  }
});

// Small ones, and ones that are multiplied in blocks: more numbers and more rows than one has.
it.each([
  [0, 0],
  [1, 3],
  [2, 3],
  [5, 2],
  [63, 66],
  [90, 257],
  [301, 70],
  [261, 300],
])('multiplies columns of %d rows and %d columns', (rows, columns) => {
  const stream = random(rows);
  const R = Array.from({ length: rows }, () => stream.normals(columns));
  const transposed = Array.from({ length: rows > 0 ? columns : 0 }, (_, j) =>
    Float64Array.from(R, (row) => row[j]!),
  );
  check(columnProducts(R).entries, transposed);
  check(crossProducts(R).entries, R);
});

function check(entries: Float64Array, rows: Matrix) {
  const size = rows.length;
  expect(entries).toHaveLength(size * size);
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < size; j++) {
      const [a, b] = [rows[i]!, rows[j]!];
      let product = 0;
      let bound = 0;
      for (let k = 0; k < a.length; k++) {
        product += a[k]! * b[k]!;
        bound += Math.abs(a[k]! * b[k]!);
      }
      // Two orders of adding up differ by at most this, whatever they are.
      const apart = Math.abs(entries[i * size + j]! - product);
      if (!(apart <= 2 * rows[i]!.length * Number.EPSILON * bound)) {
        throw new Error(`${entries[i * size + j]} for ${product} at ${i}, ${j}`);
      }
    }
  }
}

it('passes on what is not finite, to the rows that see it', () => {
  const R = Array.from({ length: 100 }, () => new Float64Array(100).fill(1));
  R[97]![99] = Number.NaN;
  R[3]![98] = Number.POSITIVE_INFINITY;
  const { entries } = crossProducts(R);
  entries.forEach((entry, at) => {
    const [i, j] = [Math.floor(at / 100), at % 100];
    const expected = i === 97 || j === 97 ? Number.NaN : i === 3 || j === 3 ? Infinity : 100;
    expect(entry).toBe(expected);
  });
});
