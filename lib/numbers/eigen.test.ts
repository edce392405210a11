import { describe, expect, it } from 'vitest';

import { float64 } from '../spaces';

import { eigen } from './eigen';
import { random } from './random';
import { gram, matrix, multiply } from './rows';

const stream = random(3);
const full = gram(Array.from({ length: 120 }, () => stream.normals(100)));
const laplacian = matrix(40, (i, j) => (i === j ? 2 : Math.abs(i - j) === 1 ? -1 : 0));

const cases: [string, Float64Array[]][] = [
  ['100 × 100', full],
  ['with a null space', gram(Array.from({ length: 5 }, () => stream.normals(12)))],
  ['a Laplacian', laplacian],
  ['a tridiagonal one with a zero diagonal', matrix(9, (i, j) => (Math.abs(i - j) === 1 ? 1 : 0))],
  ['two blocks', matrix(6, (i, j) => (i < 3 === j < 3 ? 1 / (1 + i + j) : 0))],
  ['a multiple of the identity', matrix(5, (i, j) => (i === j ? 3 : 0))],
  ['zero', matrix(4, () => 0)],
  ['one number', matrix(1, () => -2)],
  ['of two numbers', matrix(2, (i, j) => (i === j ? 0 : 5))],
  ['graded over twelve powers of ten', matrix(7, (i, j) => (i === j ? 2 : 1) * 10 ** -(i + j))],
  ['near the smallest numbers', matrix(3, (i, j) => 1e-300 * (1 + i * j))],
  ['near the largest', matrix(3, (i, j) => 1e150 * (1 + i * j))],
];

describe('eigen', () => {
  it.each(cases)('%s: A v = s v, VᵀV = I, rising', (_, A) => {
    const { values, vectors } = eigen(A);
    const size = Math.max(...A.map(float64.norm), Number.MIN_VALUE);
    values.forEach((value, i) => {
      const residual = float64.axpy(-value, vectors[i]!, multiply(A, vectors[i]!));
      expect(float64.norm(residual)).toBeLessThanOrEqual(1e-13 * size);
      if (i > 0) expect(value).toBeGreaterThanOrEqual(values[i - 1]!);
      vectors.forEach((other, j) => {
        expect(float64.dot(vectors[i]!, other)).toBeCloseTo(i === j ? 1 : 0, 12);
      });
    });
  });

  it('finds 2 − 2 cos(πk/(n + 1)) for the Laplacian', () => {
    const { values } = eigen(laplacian);
    values.forEach((value, k) => {
      expect(value).toBeCloseTo(2 - 2 * Math.cos((Math.PI * (k + 1)) / 41), 13);
    });
  });

  it('passes a NaN on', () => {
    const { values } = eigen(matrix(3, (i, j) => (i + j === 2 ? Number.NaN : 1)));
    expect([...values].some(Number.isNaN)).toBe(true);
  });

  it('leaves its argument as it was', () => {
    const A = matrix(3, (i, j) => 1 / (1 + i + j));
    eigen(A);
    expect(A).toEqual(matrix(3, (i, j) => 1 / (1 + i + j)));
  });
});
