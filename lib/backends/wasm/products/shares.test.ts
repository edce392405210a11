import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { useBackend } from '../..';
import { Pool, shareAmong } from '../threads/pool';
import { Trial } from '../threads/trial';
import { workOf } from '.';

// Every product with rows for several shares is divided, however small it is.
vi.mock('../threads/limits', () => ({ LEAST_WORK: 1, WORTH_STARTING: 0, UNIT: 4, LEAST_ROWS: 2 }));

beforeAll(async () => {
  await useBackend('wasm', { threads: 2, blas: false });
  vi.spyOn(Trial.prototype, 'choose').mockReturnValue('together');
  vi.spyOn(Pool.prototype, 'isReady', 'get').mockReturnValue(true);
});
afterAll(() => vi.restoreAllMocks());

it.each([
  [50, 7, 9],
  [61, 130, 600],
  [301, 120, 130],
])('products of %i × %i numbers on two threads have the bits of one', (m, n, k) => {
  const jobs = vi.spyOn(Pool.prototype, 'run');
  for (const [ta, tb] of [
    [false, false],
    [true, false],
    [false, true],
    [true, true],
  ] as const) {
    const x = tf.randomNormal<tf.Rank.R2>(ta ? [k, m] : [m, k], 0, 1, 'float32', 1);
    const y = tf.randomNormal<tf.Rank.R2>(tb ? [n, k] : [k, n], 0, 1, 'float32', 2);
    const product = (threads: number) => {
      shareAmong(threads);
      return tf.tidy(() => tf.matMul(x, y, ta, tb).dataSync<'float32'>().slice());
    };
    const alone = product(1);
    const before = jobs.mock.calls.length;
    expect(product(2)).toEqual(alone);
    expect(jobs.mock.calls.length).toBeGreaterThan(before);
    tf.dispose([x, y]);
  }
});

it('takes little memory for itself, however large the matrices are', () => {
  for (const transposeA of [false, true]) {
    for (const k of [2, 50, 4096]) {
      const product = { transposeA, transposeB: true, m: 100_000, n: 100_000, k };
      expect(workOf(product)).toBeLessThanOrEqual(2 ** 21);
    }
  }
});
