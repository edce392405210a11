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
  [
    'running sums along the last axis but one, counted from the end',
    () => tf.cumsum(tf.reshape(tf.range(0, 6), [2, 3]), -2),
    [0, 1, 2, 3, 5, 7],
  ],
  [
    'running products along the last axis, counted from the end',
    () => tf.cumprod(tf.reshape(tf.range(1, 7), [2, 3]), -1),
    [1, 2, 6, 4, 20, 120],
  ],
  ['the running sum of a scalar', () => tf.cumsum(tf.scalar(3)), [3]],
  [
    'the derivative of running sums along an axis counted from the end',
    () => tf.grad((x: tf.Tensor) => tf.sum(tf.cumsum(x, -1)))(tf.ones([2, 3])),
    [3, 2, 1, 3, 2, 1],
  ],
  [
    'the greatest of equal infinities',
    () => tf.topk(tf.tensor1d([1, Infinity, 3, Infinity, -Infinity, 2, 2]), 5).indices,
    [1, 3, 2, 5, 6],
  ],
  [
    'the greatest, where some are not numbers',
    () => tf.topk(tf.tensor1d([1, NaN, Infinity, NaN, 2]), 4).indices,
    [1, 3, 2, 4],
  ],
];

/** Functions of numbers near 0, whose results are about as large. */
const near0 = {
  log1p: [tf.log1p, Math.log1p],
  expm1: [tf.expm1, Math.expm1],
  sin: [tf.sin, Math.sin],
  asinh: [tf.asinh, Math.asinh],
  atanh: [tf.atanh, Math.atanh],
  sinh: [tf.sinh, Math.sinh],
  tanh: [tf.tanh, Math.tanh],
  sign: [tf.sign, Math.sign],
  selu: [tf.selu, (x) => (x > 0 ? 1.0507009873554805 * x : 1.7580993408473766 * Math.expm1(x))],
} satisfies Record<string, [(x: tf.Tensor) => tf.Tensor, (x: number) => number]>;

/** Places outside a tensor of shape [2, 3]. */
const outside: [string, (x: tf.Tensor2D) => tf.Tensor][] = [
  ['gatherND', (x) => tf.gatherND(x, tf.tensor2d([[5, 0]], [1, 2], 'int32'))],
  ['gatherND before it', (x) => tf.gatherND(x, tf.tensor2d([[-1, 0]], [1, 2], 'int32'))],
  ['scatterND', () => tf.scatterND(tf.tensor2d([[9]], [1, 1], 'int32'), tf.tensor1d([5]), [3])],
  ['slice', (x) => tf.slice(x, [0, 2], [2, 5])],
  ['gather', (x) => tf.gather(x, tf.tensor1d([2], 'int32'))],
  ['cumsum', (x) => tf.cumsum(x, 2)],
  ['cumprod', (x) => tf.cumprod(x, -3)],
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

  test.each(Object.entries(near0))(
    '%s keeps the digits of small numbers',
    async (_, [f, exact]) => {
      await useBackend(name, options);
      const xs = Float32Array.from([1e-30, -1e-30, 1e-12, -1e-8, 1e-5, -1e-3, 0.2, -0.4]);
      const y = tf.tidy(() => f(tf.tensor1d(xs)));
      const found = [...(await y.data())];
      y.dispose();
      const errors = found.map((value, i) => Math.abs(value / exact(xs[i]!) - 1));
      // cpu's own selu is wrong for numbers that vanish next to 1 in float64.
      const known = name === 'cpu' && f === tf.selu ? errors.slice(3) : errors;
      expect(Math.max(...known)).toBeLessThan(2e-6);
    },
  );

  test.each(outside)('%s outside a tensor is refused', async (_, f) => {
    await useBackend(name, options);
    const x = tf.ones([2, 3]) as tf.Tensor2D;
    const before = tf.memory().numTensors;
    expect(() => tf.tidy(() => f(x))).toThrow(/2,3|into 3|overflow|not in \[|axis/);
    expect(tf.memory().numTensors).toBe(before);
    x.dispose();
  });

  test('many Hessian products leak no tensor and no byte', async () => {
    await useBackend(name, options);
    expect(await leaks()).toEqual({ tensors: 0, bytes: 0 });
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
