import { describe, expect, it } from 'vitest';
import { random } from '../../numbers';
import type { Multiply } from './blas';
import { inParts } from './long-inner';

/** What the worst kernel does: one number in float32 for each sum, term by term. */
const oneByOne: Multiply = (ta, tb, m, n, k, a, b, c, add, strides) => {
  const rowOfA = strides?.a ?? (ta ? m : k);
  const rowOfB = strides?.b ?? (tb ? k : n);
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let sum = 0;
      for (let p = 0; p < k; p++) {
        const x = a[ta ? p * rowOfA + i : i * rowOfA + p]!;
        const y = b[tb ? j * rowOfB + p : p * rowOfB + j]!;
        sum = Math.fround(sum + x * y);
      }
      c[i * n + j] = add ? c[i * n + j]! + sum : sum;
    }
  }
};

/** `C + op(A) op(B)` in float64. */
function exact(ta: boolean, tb: boolean, [m, n, k]: number[], [a, b]: Float32Array[]): number[] {
  return Array.from({ length: m! * n! }, (_, o) => {
    const [i, j] = [Math.floor(o / n!), o % n!];
    let sum = 0;
    for (let p = 0; p < k!; p++) {
      sum += a![ta ? p * m! + i : i * k! + p]! * b![tb ? j * k! + p : p * n! + j]!;
    }
    return sum;
  });
}

const transposes: [boolean, boolean][] = [
  [false, false],
  [true, false],
  [false, true],
  [true, true],
];

describe.each(transposes)('products with long sums, transposed: %s, %s', (ta, tb) => {
  it.each([1, 7, 4096, 4097, 9000, 65_536, 65_537, 100_000])('of %i terms', (k) => {
    const stream = random(k);
    const [m, n] = [3, 2];
    const [a, b] = [m, n].map((rows) => Float32Array.from(stream.normals(rows * k)));
    const sums = exact(ta, tb, [m, n, k], [a!, b!]);
    const scale = Math.sqrt(k);
    for (const add of [false, true]) {
      const before = Float32Array.from({ length: m * n }, (_, i) => 100 * i);
      const c = before.slice();
      inParts(oneByOne)(ta, tb, m, n, k, a!, b!, c, add);
      const errors = sums.map((sum, i) => Math.abs(c[i]! - sum - (add ? before[i]! : 0)));
      expect(Math.max(...errors)).toBeLessThan(1e-5 * scale + 1e-4);
    }
  });

  it.each([0.1, 200.3])('200,000 equal terms keep their digits: %d', (value) => {
    const k = 200_000;
    const [a, b] = [new Float32Array(k).fill(value), new Float32Array(2 * k).fill(value)];
    const c = new Float32Array(2);
    const term = Math.fround(value) ** 2;
    oneByOne(ta, tb, 1, 2, k, a, b, c, false);
    expect(Math.abs(c[0]! / (term * k) - 1)).toBeGreaterThan(1e-4);
    inParts(oneByOne)(ta, tb, 1, 2, k, a, b, c, false);
    for (const sum of c) expect(Math.abs(sum / (term * k) - 1)).toBeLessThan(4e-5);
  });
});

it('adds fewer terms at a time where the result is large', () => {
  const k = 20_000;
  const [m, n] = [16, 16];
  const [a, b] = [new Float32Array(m * k).fill(0.1), new Float32Array(k * n).fill(0.1)];
  const c = new Float32Array(m * n);
  const lengths: number[] = [];
  const noting: Multiply = (...call) => {
    lengths.push(call[4]);
    oneByOne(...call);
  };
  inParts(noting)(false, false, m, n, k, a, b, c, false);
  expect(Math.max(...lengths)).toBeLessThanOrEqual(1024);
  expect(lengths.reduce((sum, length) => sum + length)).toBe(k);
  for (const sum of c) expect(Math.abs(sum / (Math.fround(0.1) ** 2 * k) - 1)).toBeLessThan(2e-5);
});

it('takes rows that are parts of longer ones', () => {
  const k = 5000;
  const stream = random(1);
  const [a, b] = [2 * (k + 3), 2 * (k + 5)].map((size) => Float32Array.from(stream.normals(size)));
  const c = new Float32Array(4);
  inParts(oneByOne)(false, true, 2, 2, k, a!, b!, c, false, { a: k + 3, b: k + 5 });
  for (const [o, sum] of c.entries()) {
    const [i, j] = [Math.floor(o / 2), o % 2];
    let expected = 0;
    for (let p = 0; p < k; p++) expected += a![i * (k + 3) + p]! * b![j * (k + 5) + p]!;
    expect(sum).toBeCloseTo(expected, 2);
  }
});
