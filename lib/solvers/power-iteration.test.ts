import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { InputError } from '../errors';
import { powerIteration } from '.';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const diagonal = (values: number[]) => ({
  apply: (v: Float64Array) => v.map((value, i) => values[i]! * value),
  dispose() {},
});

describe('power iteration', () => {
  it('finds the eigenvalue of largest modulus, also a negative one', async () => {
    const start = Float64Array.of(1, 1, 1);
    expect(await powerIteration(diagonal([1, 5, 3]), start)).toBeCloseTo(5, 10);
    expect(await powerIteration(diagonal([1, -5, 3]), start)).toBeCloseTo(-5, 10);
    expect(start).toEqual(Float64Array.of(1, 1, 1));
  });

  it('is 0 where the start is mapped to 0', async () => {
    expect(await powerIteration(diagonal([0, 0]), Float64Array.of(1, 1))).toBe(0);
  });

  it('works on tensors and leaves nothing behind', async () => {
    const start = { x: tf.tensor1d([1, 1]), y: tf.scalar(1) };
    const A = {
      apply: ({ x, y }: Record<string, tf.Tensor>) => ({
        x: tf.mul(x!, tf.tensor1d([2, 7])),
        y: tf.mul(y!, 3),
      }),
      dispose() {},
    };
    const before = tf.memory().numTensors;
    expect(await powerIteration(A, start, { iterations: 20 })).toBeCloseTo(7, 4);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('refuses a number of iterations that is none', async () => {
    const A = diagonal([1]);
    await expect(powerIteration(A, Float64Array.of(1), { iterations: 0 })).rejects.toThrow(
      InputError,
    );
  });
});
