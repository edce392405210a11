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

  type Pool = Parameters<typeof tf.maxPool>;
  const shapes: [string, (x: tf.Tensor4D) => tf.Tensor][] = [
    ...((['round', 'ceil'] as const).flatMap((mode) => [
      [`a maximum, ${mode}`, (x) => tf.maxPool(x, 3, 2, 0, mode)],
      [`a mean, ${mode}`, (x) => tf.avgPool(x, 3, 2, 1, mode)],
      [`a convolution by channel, ${mode}`, (x) => byChannel(x, 2, mode)],
    ]) as [string, (x: tf.Tensor4D) => tf.Tensor][]),
    ...((
      [
        [
          [1, 2],
          [2, 1],
        ],
        [[2, 1], 1],
        [[2, 3], 3],
      ] as Pool[1][][]
    ).flatMap(([size, stride]) => [
      [`a maximum of ${size}, ${stride} apart`, (x) => tf.maxPool(x, size!, stride!, 0)],
      [`a mean of ${size}, ${stride} apart`, (x) => tf.avgPool(x, size!, stride!, 0)],
    ]) as [string, (x: tf.Tensor4D) => tf.Tensor][]),
    ['a convolution by channel, 2 and 1 apart', (x) => byChannel(x, [2, 1])],
  ];
  const byChannel = (x: tf.Tensor4D, strides: number | [number, number], mode?: 'round' | 'ceil') =>
    tf.depthwiseConv2d(x, tf.ones([3, 3, 2, 1]), strides, 0, 'NHWC', 1, mode);

  it.each(shapes)('%s, with a margin of 0 in numbers', async (_, f) => {
    const x = tf.tensor4d(
      Float32Array.from({ length: 2 * 6 * 8 * 2 }, (_, i) => Math.sin(12.9898 * (i + 1))),
      [2, 6, 8, 2],
    );
    const [y, again] = [f(x), f(x)];
    const onWasm = [y.shape, ...[y, again].map((each) => [...each.dataSync()])];
    await tf.setBackend('cpu');
    const expected = f(x);
    const numbers = [...expected.dataSync()];
    await tf.setBackend('wasm');
    expect(onWasm[0]).toEqual(expected.shape);
    for (const found of onWasm.slice(1)) {
      numbers.forEach((z, i) => {
        expect(found[i]).toBeCloseTo(z, 5);
      });
    }
    tf.dispose([x, y, again, expected]);
  });

  it.each([
    ['in numbers', 2],
    [
      'above and behind',
      [
        [0, 0],
        [2, 0],
        [0, 3],
        [0, 0],
      ],
    ],
  ] as [string, Pool[3]][])('a pool with a margin wider than its window, %s', async (_, pad) => {
    const pools = () =>
      tf.tidy(() =>
        [1, 2].flatMap((size) => {
          const x = tf.tensor4d([1, 2, 3, 4], [1, 2, 2, 1]);
          const found = [tf.maxPool(x, size, 1, pad), tf.avgPool(x, size, 1, pad)];
          return found.map((y) => [...y.dataSync()]);
        }),
      );
    const onWasm = pools();
    await tf.setBackend('cpu');
    const expected = pools();
    await tf.setBackend('wasm');
    expect(expected[0]![0]).toBe(Number.NEGATIVE_INFINITY);
    expect(expected[1]![0]).toBeNaN();
    expect(onWasm).toEqual(expected);
  });
});
