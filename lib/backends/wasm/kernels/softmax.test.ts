import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { useBackend } from '../..';

it.each([[[1]], [[5, 1]], [[7, 10]], [[2, 3, 4]], [[0, 3]]])(
  'the derivative of a softmax of shape %j is that of TensorFlow.js',
  async (shape) => {
    await useBackend('wasm', { threads: 1, blas: false });
    const s = tf.softmax(tf.randomNormal(shape, 0, 2, 'float32', 1));
    const v = tf.randomNormal(shape, 0, 1, 'float32', 2);
    const expected = tf.mul(s, tf.sub(v, tf.sum(tf.mul(s, v), -1, true)));
    const before = tf.memory().numTensors;
    const actual = tf.engine().runKernel('SoftmaxDerivative', { s, v }) as tf.Tensor;
    expect(actual.shape).toEqual(shape);
    const [got, wanted] = [actual.dataSync(), expected.dataSync()];
    got.forEach((value, i) => {
      expect(Math.abs(value - wanted[i]!)).toBeLessThan(1e-6);
    });
    actual.dispose();
    expect(tf.memory().numTensors).toBe(before);
    tf.dispose([s, v, expected]);
  },
);
