import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { useBackend } from '../../use-backend';

describe('a bias on wasm', () => {
  beforeAll(() => useBackend('wasm', { threads: 1 }));

  it.each([1, 3, 4, 5, 8, 11])('is added to each row of %i numbers, from either side', (length) => {
    tf.tidy(() => {
      const x = tf.reshape(tf.range(0, 6 * length), [2, 3, length]);
      const row = tf.mul(tf.range(1, length + 1), 1000);
      const expected = Array.from({ length: 6 * length }, (_, i) => i + 1000 * (1 + (i % length)));
      for (const bias of [row, tf.reshape(row, [1, 1, length]), tf.reshape(row, [1, length])]) {
        for (const sum of [tf.add(x, bias), tf.add(bias, x)]) {
          expect(sum.shape).toEqual([2, 3, length]);
          expect(Array.from(sum.dataSync())).toEqual(expected);
        }
      }
    });
  });

  it('may have several axes, and broadcasts as anywhere where it is not a row', () => {
    tf.tidy(() => {
      const x = tf.zeros([2, 2, 3]);
      const block = tf.tensor2d([1, 2, 3, 4, 5, 6], [2, 3]);
      const column = tf.tensor2d([1, 2], [2, 1]);
      expect(Array.from(tf.add(x, block).dataSync())).toEqual([1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6]);
      expect(Array.from(tf.add(x, column).dataSync())).toEqual([
        1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2,
      ]);
      const both = tf.add(tf.zeros([2, 1]), tf.tensor1d([1, 2]));
      expect(Array.from(both.dataSync())).toEqual([1, 2, 1, 2]);
      expect(tf.add(tf.zeros([3, 1, 2]), tf.ones([4, 1, 1, 2])).shape).toEqual([4, 3, 1, 2]);
      const whole = tf.add(tf.tensor2d([[1, 2]], [1, 2], 'int32'), tf.tensor1d([3, 4], 'int32'));
      expect([whole.dtype, ...whole.dataSync()]).toEqual(['int32', 4, 6]);
      expect(tf.add(tf.zeros([0, 3]), tf.ones([3])).shape).toEqual([0, 3]);
    });
  });
});
