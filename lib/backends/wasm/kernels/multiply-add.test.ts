import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { engine } from '../../engine';
import { useBackend } from '../../use-backend';

const normal = (shape: number[], seed: number) => tf.randomNormal(shape, 0, 1, 'float32', seed);
const close = (x: tf.Tensor, y: tf.Tensor) =>
  expect(Array.from(x.dataSync())).toEqual(
    Array.from(y.dataSync(), (value) => expect.closeTo(value, 4)),
  );

describe.each([true, false])('with BLAS: %s', (blas) => {
  beforeAll(() => useBackend('wasm', { threads: 1, blas }));

  it.each([
    { a: [1], b: [1] },
    { a: [3], b: [3] },
    { a: [5, 7], b: [5, 7] },
    { a: [64, 33], b: [64, 33] },
    { a: [0, 3], b: [0, 3] },
    { a: [5, 7], b: [] },
    { a: [5, 7], b: [5, 1] },
  ])('a of $a times b of $b is added to a tensor, which stays', ({ a, b }) => {
    const [x, y, z] = [normal(a, 1), normal(b, 2), normal(a, 3)];
    const before = Array.from(z.dataSync());
    const tensors = tf.memory().numTensors;
    const sum = engine().runKernel('MultiplyAdd', { a: x, b: y, addend: z });
    expect(sum.shape).toEqual(a);
    expect(tf.memory().numTensors).toBe(tensors + 1);
    close(sum, tf.add(tf.mul(x, y), z));
    expect(Array.from(z.dataSync())).toEqual(before);
  });

  it.each([
    { transposeA: false, transposeB: false },
    { transposeA: true, transposeB: false },
    { transposeA: false, transposeB: true },
    { transposeA: true, transposeB: true },
  ])('a product of matrices is added to a matrix, which stays, %o', (attrs) => {
    const [a, b] = [
      normal(attrs.transposeA ? [6, 5] : [5, 6], 4),
      normal(attrs.transposeB ? [7, 6] : [6, 7], 5),
    ];
    const addend = normal([5, 7], 6);
    const before = Array.from(addend.dataSync());
    const tensors = tf.memory().numTensors;
    const sum = engine().runKernel('MatMulAdd', { a, b, addend }, attrs);
    expect(sum.shape).toEqual([5, 7]);
    expect(tf.memory().numTensors).toBe(tensors + 1);
    close(sum, tf.add(tf.matMul(a, b, attrs.transposeA, attrs.transposeB), addend));
    expect(Array.from(addend.dataSync())).toEqual(before);
  });
});
