import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { useBackend } from '../../use-backend';

beforeAll(async () => {
  await useBackend('wasm', { threads: 1 });
});

describe('what the build does not compute rightly is that of cpu', () => {
  it.each([1e7, 1e11, 1e15, -1e15, 3e38])('the cosine of %f', (angle) => {
    // Places in a group of four and after it.
    const y = tf.cos(tf.tensor1d([angle, 0.5, 0.5, 0.5, angle])).dataSync();
    expect(y[0]).toBeCloseTo(Math.cos(Math.fround(angle)), 5);
    expect(y[1]).toBeCloseTo(Math.cos(0.5), 6);
    expect(y[4]).toBe(y[0]);
  });

  it('the cosine of what is not finite', () => {
    const y = tf.cos(tf.tensor1d([Number.NaN, Number.POSITIVE_INFINITY, 0])).dataSync();
    expect([...y]).toEqual([Number.NaN, Number.NaN, 1]);
  });

  it.each([[[Number.NaN, 2, 5]], [[Number.NEGATIVE_INFINITY, 2.5, Number.POSITIVE_INFINITY]]])(
    'places of %j in a sorted sequence',
    async (values) => {
      const places = () =>
        ['left', 'right'].map((side) => [
          ...tf
            .searchSorted(tf.tensor1d([1, 2, 3]), tf.tensor1d(values), side as 'left')
            .dataSync(),
        ]);
      const onWasm = places();
      await tf.setBackend('cpu');
      expect(onWasm).toEqual(places());
      await tf.setBackend('wasm');
    },
  );

  it.each([
    [
      [0, 0, 0],
      [1, 1],
    ],
    [
      [0, 0],
      [1, 1, 1],
    ],
  ])('a slice from %j of size %j is refused', (begin, size) => {
    const x = tf.tensor2d([
      [1, 2],
      [3, 4],
    ]);
    expect(() => tf.slice(x, begin as [number, number], size as [number, number])).toThrow(
      /must match the rank/,
    );
  });
});
