import * as tf from '@tensorflow/tfjs';
import { beforeAll, expect, it } from 'vitest';
import { useBackend } from '../../use-backend';

beforeAll(() => useBackend('wasm', { threads: 1 }));

const tanh = async (values: Iterable<number>) =>
  (await tf.tanh(tf.tensor1d(Float32Array.from(values))).data()) as Float32Array;

it('tanh is off by less than 2.5 units in the last place, from the smallest numbers to the largest', async () => {
  const sizes = Array.from({ length: 20_000 }, (_, i) => Math.fround(10 ** (-30 + i / 640)));
  const dense = Array.from({ length: 20_000 }, (_, i) => Math.fround(i / 2000));
  const xs = [...sizes, ...dense].flatMap((x) => [x, -x]);
  const found = await tanh(xs);
  let worst = 0;
  xs.forEach((x, i) => {
    const right = Math.tanh(x);
    const unit = 2 ** (Math.floor(Math.log2(Math.abs(right) || 1)) - 23);
    worst = Math.max(worst, Math.abs(found[i]! - right) / unit);
  });
  expect(worst).toBeLessThan(2.5);
});

it('tanh of infinities, of zeros and of what is not a number', async () => {
  const [above, below, zero, minusZero, nan] = await tanh([Infinity, -Infinity, 0, -0, NaN]);
  expect([above, below, zero, minusZero, nan]).toEqual([1, -1, 0, -0, NaN]);
});
