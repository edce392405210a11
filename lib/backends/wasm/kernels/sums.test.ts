import * as tf from '@tensorflow/tfjs';
import { beforeAll, expect, it } from 'vitest';
import { useBackend } from '../../use-backend';

beforeAll(() => useBackend('wasm', { threads: 1 }));

it.each([
  { shape: [7, 5], axis: [0] },
  { shape: [6, 4], axis: [0] },
  { shape: [1, 3], axis: [0] },
  { shape: [9, 1], axis: [0] },
  { shape: [3, 5, 6], axis: [0, 1] },
  { shape: [3, 5, 6], axis: [0] },
  { shape: [0, 3], axis: [0] },
  { shape: [3, 0], axis: [0] },
])('sums of $shape over $axis are those of the numbers', async ({ shape, axis }) => {
  const x = tf.randomNormal(shape, 0, 1, 'float32', 1);
  const kept = shape.slice(axis.length);
  const columns = kept.reduce((product, n) => product * n, 1);
  const expected = new Array<number>(columns).fill(0);
  (await x.data()).forEach((value, i) => {
    expected[i % columns]! += value;
  });
  for (const keepDims of [false, true]) {
    const sum = tf.sum(x, axis, keepDims);
    expect(sum.shape).toEqual(keepDims ? [...axis.map(() => 1), ...kept] : kept);
    const found = [...(await sum.data())];
    expect(found).toEqual(expected.map((value) => expect.closeTo(value, 5)));
  }
});
