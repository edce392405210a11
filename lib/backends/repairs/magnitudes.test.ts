import * as tf from '@tensorflow/tfjs';
import { describe, expect, test } from 'vitest';
import { useBackend } from '..';

interface Known {
  f: (x: tf.Tensor) => tf.Tensor;
  first: (x: number) => number;
  second: (x: number) => number;
  at: number[];
}

const far = 3e21;
const known: Record<string, Known> = {
  reciprocal: {
    f: tf.reciprocal,
    first: (x) => -1 / x / x,
    second: (x) => 2 / x / x / x,
    at: [-1e-10, 1e-10, 1e-5, 0.3, -7, 1e5, 1e10],
  },
  rsqrt: {
    f: tf.rsqrt,
    first: (x) => -0.5 / Math.sqrt(x) / x,
    second: (x) => 0.75 / Math.sqrt(x) / x / x,
    at: [1e-15, 1e-5, 0.3, 7, 1e10, 1e15],
  },
  asinh: {
    f: tf.asinh,
    first: (x) => 1 / Math.hypot(1, x),
    second: (x) => -x / Math.hypot(1, x) ** 3,
    at: [1e-20, 0, -0.3, 7, 1e10, -1e15, 1e18],
  },
  'asinh, once': {
    f: tf.asinh,
    first: (x) => 1 / Math.hypot(1, x),
    second: () => Number.NaN,
    at: [1e20, -1e30, 1e37],
  },
  acosh: {
    f: tf.acosh,
    first: (x) => 1 / Math.sqrt(x - 1) / Math.sqrt(x + 1),
    second: (x) => -x / (Math.sqrt(x - 1) * Math.sqrt(x + 1)) ** 3,
    at: [1.5, 7, 1e10, 1e15],
  },
  'atan2 of y': {
    f: (y) => tf.atan2(y, tf.scalar(far)),
    first: (y) => far / (y * y + far * far),
    second: () => Number.NaN,
    at: [0.3, -1e20, 1e22, 1e30],
  },
  'atan2 of x': {
    f: (x) => tf.atan2(tf.scalar(1e-22), x),
    first: (x) => -1e-22 / (x * x + 1e-44),
    second: () => Number.NaN,
    at: [1e-25, -1e-22, 1e-20],
  },
  'atan2 of x and y': {
    f: (x) => tf.atan2(tf.mul(x, 0.5), tf.square(x)),
    first: (x) => -0.5 / (x * x + 0.25),
    second: (x) => x / (x * x + 0.25) ** 2,
    at: [0.3, -7, 20],
  },
};

describe.each(['cpu', 'wasm'] as const)('on %s', (backend) => {
  test.each(Object.entries(known))('derivatives of %s at all magnitudes', async (_, each) => {
    const { f, first, second, at } = each;
    await useBackend(backend);
    const derivative = (x: tf.Tensor) => tf.grad((z) => tf.sum(f(z)))(x);
    for (const x of at) {
      tf.tidy(() => {
        const point = tf.tensor1d([x]);
        const found = [derivative(point), tf.grad((z) => tf.sum(derivative(z)))(point)];
        [first(x), second(x)].forEach((right, i) => {
          if (Number.isNaN(right)) return;
          const off = Math.abs(found[i]!.dataSync()[0]! - right);
          expect(off, `derivative ${i + 1} at ${x}`).toBeLessThanOrEqual(
            1e-4 * Math.abs(right) + 1e-38,
          );
        });
      });
    }
  });

  test('derivatives at ±∞ are 0 where they are known', async () => {
    await useBackend(backend);
    tf.tidy(() => {
      const ends = tf.tensor1d([Infinity, -Infinity]);
      const one = tf.tensor1d([1, 1]);
      const derivatives = [
        tf.grad((x) => tf.sum(tf.asinh(x)))(ends),
        tf.grad((x) => tf.sum(tf.acosh(x)))(tf.abs(ends)),
        tf.grad((y) => tf.sum(tf.atan2(y, one)))(ends),
        tf.grad((x) => tf.sum(tf.atan2(one, x)))(ends),
      ];
      for (const each of derivatives) expect([...each.dataSync()].map(Math.abs)).toEqual([0, 0]);
    });
  });

  test('atan2 broadcasts, and takes integers', async () => {
    await useBackend(backend);
    tf.tidy(() => {
      const [a, b] = [tf.tensor2d([[1], [2]]), tf.tensor1d([3, 4, 5], 'int32')];
      const [da] = tf.grads((y) => tf.sum(tf.atan2(y!, b)))([a]);
      const right = [1, 2].map((y) => [3, 4, 5].reduce((s, x) => s + x / (x * x + y * y), 0));
      expect(da!.shape).toEqual([2, 1]);
      [...da!.dataSync()].forEach((d, i) => {
        expect(d).toBeCloseTo(right[i]!, 6);
      });
    });
  });
});
