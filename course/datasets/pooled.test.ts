import * as tf from '@tensorflow/tfjs';
import { InputError, ShapeError } from 'implicit-lab';
import { describe, expect, it } from 'vitest';
import { type Digits, PIXELS } from './mnist';
import { digitsOf, pooled } from './pooled';

/** Four digits; in each, every pixel is a different number. */
const digits: Digits = {
  images: Float32Array.from({ length: 4 * PIXELS }, (_, i) => ((i * 7919) % 1009) / 1009),
  labels: Uint8Array.of(3, 0, 8, 3),
  count: 4,
};

describe('digitsOf', () => {
  it('keeps those labels, in order, each with its own image', () => {
    const kept = digitsOf(digits, [3, 8]);
    expect([...kept.labels]).toEqual([3, 8, 3]);
    expect(kept.count).toBe(3);
    expect(kept.images.subarray(PIXELS, 2 * PIXELS)).toEqual(
      digits.images.subarray(2 * PIXELS, 3 * PIXELS),
    );
  });

  it('stops at most', () => {
    expect([...digitsOf(digits, [3], { most: 1 }).labels]).toEqual([3]);
    expect(digitsOf(digits, [3], { most: 0 }).count).toBe(0);
    expect(digitsOf(digits, [7]).count).toBe(0);
  });

  it.each([
    ['a label of 10', () => digitsOf(digits, [10])],
    ['half a label', () => digitsOf(digits, [0.5])],
    ['half a digit', () => digitsOf(digits, [3], { most: 0.5 })],
  ])('refuses %s', (_, call) => {
    expect(call).toThrow(InputError);
  });
});

describe('pooled', () => {
  it('gives the mean of each square, row by row, and a constant', () => {
    const rows = pooled(digits);
    expect(rows.map(({ length }) => length)).toEqual([50, 50, 50, 50]);
    const [row, column] = [2, 5];
    let mean = 0;
    for (let y = 0; y < 4; y++) {
      for (let x = 0; x < 4; x++) {
        mean += digits.images[PIXELS + 28 * (4 * row + y) + 4 * column + x]! / 16;
      }
    }
    expect(rows[1]![7 * row + column]).toBeCloseTo(mean, 12);
    expect(rows[1]![49]).toBe(1);
  });

  it('with squares of one pixel and no constant is the digit itself', () => {
    const rows = pooled(digits, { side: 1, constant: false });
    expect(Float32Array.from(rows[3]!)).toEqual(digits.images.subarray(3 * PIXELS));
  });

  it.each([0, 3, -4, 2.5, Number.NaN])('refuses squares of %d pixels', (side) => {
    expect(() => pooled(digits, { side })).toThrow(InputError);
  });
});

it('digits whose parts are disposed tensors are refused by a message that can be made', () => {
  const gone = tf.tensor1d([1]);
  gone.dispose();
  for (const odd of [
    { ...digits, count: gone },
    { images: { length: gone }, labels: gone },
  ]) {
    expect(() => digitsOf(odd as never, [1])).toThrow(ShapeError);
  }
});
