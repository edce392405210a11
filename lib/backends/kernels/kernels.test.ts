import * as tf from '@tensorflow/tfjs';
import { describe, expect, test } from 'vitest';
import { useBackend } from '..';
import { leaks } from '../op-table/leaks';

/** Known answers, each of which a stock kernel gets wrong somewhere. */
const answers: [string, () => tf.Tensor, number[]][] = [
  [
    'a strided slice that drops an axis',
    () => {
      const x = tf.reshape(tf.range(0, 16), [4, 4]);
      return tf.stridedSlice(x, [1, 1], [2, 4], [1, 2], 0, 0, 0, 0, 1);
    },
    [5, 7],
  ],
  [
    'a strided slice from the end that drops an axis',
    () => {
      const x = tf.reshape(tf.range(0, 16), [4, 4]);
      return tf.stridedSlice(x, [-1, 0], [0, 4], [1, 3], 0, 0, 0, 0, 1);
    },
    [12, 15],
  ],
  [
    'a strided slice of integers',
    () => tf.stridedSlice(tf.tensor1d([7, 8, 9], 'int32'), [0], [3], [2]),
    [7, 9],
  ],
  ['a cast to yes and no', () => tf.cast(tf.tensor1d([0.7, 0, -0.2]), 'bool'), [1, 0, 1]],
  [
    'a letter of einsum in one operand alone',
    () =>
      tf.einsum(
        'ij,k->ki',
        tf.tensor2d([
          [1, 2],
          [3, 4],
        ]),
        tf.tensor1d([10, 100]),
      ),
    [30, 70, 300, 700],
  ],
  ['einsum with nothing to do', () => tf.einsum('j->j', tf.tensor1d([1, 2])), [1, 2]],
  [
    'one vector as a row and as a column',
    () => {
      const v = tf.tensor1d([1, 2, 3]);
      const row = tf.matMul(tf.ones([2, 1]), tf.reshape(v, [1, 3]));
      const column = tf.matMul(tf.ones([2, 3]), tf.reshape(v, [3, 1]));
      return tf.concat([tf.reshape(row, [-1]), tf.reshape(column, [-1])]);
    },
    [1, 2, 3, 1, 2, 3, 6, 6],
  ],
  [
    'a tensor after an update of its copy',
    () => {
      const x = tf.tensor1d([1, 2, 3]);
      tf.tensorScatterUpdate(x, tf.tensor2d([[1]], [1, 1], 'int32'), tf.tensor1d([9]));
      return x;
    },
    [1, 2, 3],
  ],
  [
    'the maximum of negative numbers',
    () => tf.maxPool3d(tf.fill([1, 2, 2, 2, 1], -3) as tf.Tensor5D, 2, 2, 'valid'),
    [-3],
  ],
];

describe.each([
  ['cpu', {}],
  ['wasm', { threads: 1, blas: false }],
  ['wasm', { threads: 2, blas: false }],
  ['wasm', { threads: 2 }],
] as const)('%s %o', (name, options) => {
  test.each(answers)('%s', async (_, compute, expected) => {
    await useBackend(name, options);
    const y = tf.tidy(compute);
    expect(Array.from(await y.data())).toEqual(expected);
    y.dispose();
  });

  test('1,000 Hessian products leak no tensor and no byte', async () => {
    await useBackend(name, options);
    expect(await leaks(1000)).toEqual({ tensors: 0, bytes: 0 });
  });
});

test('a product that makes the wasm heap grow is right', async () => {
  for (const blas of [true, false]) {
    await useBackend('wasm', { threads: 2, blas });
    const n = 1200;
    const held = Array.from({ length: 12 }, () => tf.fill([n, n], 2));
    const y = tf.matMul(held[0]!, held[11]!, false, true);
    expect((await y.data())[n * n - 1]).toBe(4 * n);
    tf.dispose([...held, y]);
  }
});

test.each(['int32', 'bool'] as const)(
  'what cpu has cast from %s to numbers is the same on the backend that takes it over',
  async (dtype) => {
    await useBackend('cpu');
    const numbers = tf.cast(tf.tensor1d([1, 0, 1], dtype), 'float32');
    const labels = tf.cast(tf.oneHot(tf.tensor1d([1], 'int32'), 3), 'float32');
    await useBackend('wasm', { threads: 1 });
    expect(Array.from(await tf.mul(numbers, 2).data())).toEqual([2, 0, 2]);
    expect(Array.from(await tf.mul(labels, 2).data())).toEqual([0, 2, 0]);
  },
);
