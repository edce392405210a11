import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { useBackend } from '../../use-backend';

describe('splits on wasm', () => {
  beforeAll(() => useBackend('wasm', { threads: 1 }));

  const numbered = (shape: number[], dtype: 'float32' | 'int32' = 'float32') =>
    tf.reshape(tf.range(0, tf.util.sizeFromShape(shape), 1, dtype), shape);

  it.each([
    { shape: [6], parts: 3, axis: 0 },
    { shape: [4, 6], parts: 2, axis: 0 },
    { shape: [4, 6], parts: 3, axis: 1 },
    { shape: [2, 6, 3], parts: [1, 2, 3], axis: 1 },
    { shape: [2, 3, 4], parts: [1, -1], axis: -1 },
    { shape: [2, 5, 3], parts: [0, 5], axis: 1 },
    { shape: [0, 4], parts: 2, axis: 1 },
  ])('give the parts, $parts of $shape along $axis, and join to the whole', async (split) => {
    const { shape, parts, axis } = split;
    const x = numbered(shape);
    const split32 = tf.split(x, parts as number[], axis);
    let begin = 0;
    const at = axis < 0 ? shape.length + axis : axis;
    for (const part of split32) {
      const from = shape.map((_, i) => (i === at ? begin : 0));
      expect(part.shape).toEqual(shape.with(at, part.shape[at]!));
      expect(await part.data()).toEqual(await tf.slice(x, from, part.shape).data());
      begin += part.shape[at]!;
    }
    expect(begin).toBe(shape[at]);
  });

  it('keep the type of integers', async () => {
    const [first, second] = tf.split(numbered([2, 2], 'int32'), 2, 1);
    expect(first!.dtype).toBe('int32');
    expect(Array.from(await second!.data())).toEqual([1, 3]);
  });

  it('go on when an allocation in their midst moves the heap', async () => {
    const x = tf.range(0, 3e6, 1, 'float32');
    for (let i = 0; i < 6; i++) {
      const parts = tf.split(x, 3);
      expect((await parts[2]!.data())[999_999]).toBe(2_999_999);
      parts.slice(1).forEach((part) => void part.dispose());
    }
  });
});
