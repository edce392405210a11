import * as tf from '@tensorflow/tfjs';
import { beforeAll, expect, it } from 'vitest';
import { random } from '../../../numbers';
import { useBackend } from '../..';

const cases: { shape: number[]; reps: number[]; dtype?: 'int32' | 'bool' }[] = [
  { shape: [4], reps: [3] },
  { shape: [3, 1], reps: [1, 5] },
  { shape: [1, 4], reps: [6, 1] },
  { shape: [2, 3], reps: [2, 3] },
  { shape: [2, 1, 3], reps: [3, 4, 1] },
  { shape: [1, 1, 1], reps: [2, 3, 4] },
  { shape: [2, 3], reps: [1, 1] },
  { shape: [2, 0], reps: [3, 2] },
  { shape: [2, 3], reps: [2, 2], dtype: 'int32' },
  { shape: [2, 2], reps: [1, 3], dtype: 'bool' },
];

const tiled = ({ shape, reps, dtype }: (typeof cases)[number]) =>
  tf.tidy(() => {
    const size = shape.reduce((product, n) => product * n, 1);
    const numbers = Float32Array.from(random(5).normals(size), (x) => Math.round(10 * x) / 10);
    const x = tf.tensor(numbers, shape);
    const result = tf.tile(dtype ? tf.cast(x, dtype) : x, reps);
    return { numbers: [...result.dataSync()], shape: result.shape, dtype: result.dtype };
  });

let expected: ReturnType<typeof tiled>[];
beforeAll(async () => {
  await useBackend('cpu');
  expected = cases.map(tiled);
  await useBackend('wasm', { threads: 1 });
});

it.each(cases.map((each, i) => ({ ...each, i })))(
  'tile $shape by $reps is what cpu says',
  ({ i, ...each }) => {
    expect(tiled(each)).toEqual(expected[i]);
  },
);
