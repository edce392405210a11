import { expect, it } from 'vitest';
import { crossProducts, random, transposed } from '.';

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

it('makes rows of columns', () => {
  const R = [Float64Array.of(1, 2, 3), Float64Array.of(4, 5, 6)];
  expect(transposed(R)).toEqual([
    Float64Array.of(1, 4),
    Float64Array.of(2, 5),
    Float64Array.of(3, 6),
  ]);
  expect(transposed([])).toEqual([]);
});
