import * as tf from '@tensorflow/tfjs';
import { beforeAll, expect, test } from 'vitest';
import { useBackend } from '..';

beforeAll(() => useBackend('cpu'));

test('a gradient whose backward pass throws leaves nothing', () => {
  const square = tf.customGrad((x) => ({
    value: (x as tf.Tensor).square(),
    gradFunc() {
      throw new Error('broken');
    },
  }));
  const slope = tf.valueAndGrad((x: tf.Tensor) => square(x.exp()).sum());
  const x = tf.tensor1d([1, 2]);
  const before = tf.memory();
  expect(() => slope(x)).toThrow('broken');
  expect(tf.memory()).toEqual(before);
});
