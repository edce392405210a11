import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { random } from '../../../numbers';
import { tensors } from '../../../spaces';
import { useBackend } from '../..';

const vector = (size: number, seed: number) => Float32Array.from(random(seed).normals(size));
/** Sizes around the number that is worked on at once, and shapes that are not a list. */
const shapes = [[1], [7], [8191], [8192], [8193], [3, 5000], [20001], [0]];

it.each([true, false])(
  'vectors are multiplied and added as in plain numbers, BLAS: %s',
  async (blas) => {
    await useBackend('wasm', { threads: 1, blas });
    for (const shape of shapes) {
      const size = shape.reduce((product, n) => product * n, 1);
      const [x, y] = [vector(size, 1), vector(size, 2)];
      const [one, other] = [{ x: tf.tensor(x, shape) }, { x: tf.tensor(y, shape) }];
      const before = tf.memory().numTensors;

      const dot = tensors.dot(one, other);
      const expected = x.reduce((sum, value, i) => sum + value * y[i]!, 0);
      expect(Math.abs(dot.dataSync()[0]! - expected)).toBeLessThan(1e-6 * (size + 1));

      const a = tf.scalar(-1.5);
      const sum = tensors.axpy(a, one, other).x!;
      expect(sum.shape).toEqual(shape);
      sum.dataSync().forEach((value, i) => {
        expect(Math.abs(value - (y[i]! - 1.5 * x[i]!))).toBeLessThan(1e-6 * (1 + Math.abs(y[i]!)));
      });
      expect([...one.x.dataSync()]).toEqual([...x]);
      expect([...other.x.dataSync()]).toEqual([...y]);
      tf.dispose([dot, a, sum]);
      expect(tf.memory().numTensors).toBe(before);
    }
  },
);

it('products of numbers whose squares float32 cannot hold count, before, between and after others', async () => {
  await useBackend('wasm', { threads: 1 });
  const size = 50_003;
  /** The inner product of numbers of these sizes, each in a part of the vectors, and what it should be. */
  const products = (...sizes: number[]) => {
    const x = vector(size, 1).map((value, i) => {
      const part = Math.floor((i * sizes.length) / size);
      return (2 + Math.abs(value)) * sizes[part]!;
    });
    const t = { x: tf.tensor1d(x) };
    const dot = tensors.dot(t, t);
    const [found] = dot.dataSync();
    tf.dispose([t, dot]);
    return [found!, x.reduce((sum, value) => sum + value ** 2, 0)] as const;
  };
  for (const sizes of [[7e-24], [1e-15, 1, 7e-24], [1, 1e-20], [7e-24, 1e-18], [0, 7e-24]]) {
    const [found, expected] = products(...sizes);
    expect(Math.abs(found / expected - 1)).toBeLessThan(0.02);
  }
});

it('a gradient passes through them as through any operation', async () => {
  await useBackend('wasm', { threads: 1 });
  const [x, y] = [tf.tensor1d([1, 2, 3]), tf.tensor1d([4, 5, 6])];
  const gradient = tf.grad((v) => {
    const sum = tensors.axpy(tf.scalar(2), { v }, { v: y });
    return tensors.dot(sum, { v });
  });
  // ⟨2v + y, v⟩.
  expect([...gradient(x).dataSync()]).toEqual([8, 13, 18]);
});
