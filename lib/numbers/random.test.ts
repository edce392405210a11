import { describe, expect, it } from 'vitest';
import { InputError } from '../errors';
import { random, xoshiro128 } from './random';

function moments(values: ArrayLike<number>) {
  const n = values.length;
  const mean = Array.from(values).reduce((sum, v) => sum + v / n, 0);
  const central = (power: number) =>
    Array.from(values).reduce((sum, v) => sum + (v - mean) ** power / n, 0);
  return { mean, variance: central(2), kurtosis: central(4) / central(2) ** 2 };
}

describe('random', () => {
  it('agrees with another implementation of xoshiro128** from the state 1, 2, 3, 4', () => {
    const next = xoshiro128(Uint32Array.of(1, 2, 3, 4));
    expect(Array.from({ length: 6 }, next)).toEqual([
      11520, 0, 5927040, 70819200, 2031721883, 1637235492,
    ]);
  });

  it('repeats itself for the same seed and differs for a neighbouring or a very large one', () => {
    const first = (seed: number) => random(seed).normals(5);
    expect(first(7)).toEqual(first(7));
    expect(first(7)).not.toEqual(first(8));
    expect(first(7)).not.toEqual(first(7 + 2 ** 32));
  });

  it('has no correlation between the streams of neighbouring seeds', () => {
    const n = 20_000;
    const [a, b] = [random(0).normals(n), random(1).normals(n)];
    const correlation = a.reduce((sum, value, i) => sum + (value * b[i]!) / n, 0);
    expect(Math.abs(correlation)).toBeLessThan(4 / Math.sqrt(n));
  });

  it('draws uniform numbers with the moments of the uniform distribution', () => {
    const stream = random(3);
    const draws = Array.from({ length: 100_000 }, () => stream.uniform());
    const { mean, variance, kurtosis } = moments(draws);
    expect(mean).toBeCloseTo(1 / 2, 2);
    expect(variance).toBeCloseTo(1 / 12, 2);
    expect(kurtosis).toBeCloseTo(9 / 5, 1);
    expect(Math.max(...draws.slice(0, 50_000))).toBeLessThan(1);
  });

  it('draws normal numbers with the moments of the normal distribution', () => {
    const { mean, variance, kurtosis } = moments(random(4).normals(100_000));
    expect(mean).toBeCloseTo(0, 1);
    expect(variance).toBeCloseTo(1, 1);
    expect(kurtosis).toBeCloseTo(3, 0);
  });

  it('draws whole numbers evenly, also where 2³² is not a multiple of the limit', () => {
    const stream = random(5);
    const below = 3 * 2 ** 30;
    const lowThird = Array.from({ length: 30_000 }, () => stream.integer(below)).filter(
      (draw) => draw < 2 ** 30,
    );
    expect(lowThird.length / 30_000).toBeCloseTo(1 / 3, 1);
  });

  it('permutes: every number once, every place equally likely', () => {
    const seen = new Array<number>(4).fill(0);
    for (let seed = 0; seed < 4000; seed++) {
      const order = random(seed).permutation(4);
      expect([...order].sort()).toEqual([0, 1, 2, 3]);
      seen[order[0]!]! += 1;
    }
    for (const count of seen) expect(Math.abs(count - 1000)).toBeLessThan(120);
    expect([...random(1).permutation(0)]).toEqual([]);
  });

  it('refuses what is not a whole number', () => {
    for (const seed of [Number.NaN, -1, 1.5, Number.POSITIVE_INFINITY]) {
      expect(() => random(seed)).toThrow(InputError);
    }
    expect(() => random(1).integer(0)).toThrow(InputError);
    expect(() => random(1).permutation(-1)).toThrow(InputError);
    expect(() => random(1).normals(2.5)).toThrow(InputError);
  });
});
