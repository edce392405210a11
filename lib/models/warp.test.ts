import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { InputError, ShapeError } from '../errors';
import { WARPS, warp, warpNoise } from './warp';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

/** A picture with one pixel of ink. */
const dot = (row: number, column: number) =>
  tf.oneHot(tf.tensor1d([28 * row + column], 'int32'), 784).toFloat() as tf.Tensor2D;
const strengthsOf = (name: (typeof WARPS)[number], size: number) =>
  tf.tensor1d(WARPS.map((move) => (move === name ? size : 0)));
const ones = () => tf.ones([1, WARPS.length]) as tf.Tensor2D;

describe('warp', () => {
  it('leaves pictures as they are at strength 0', () => {
    const x = tf.randomUniform([3, 784], 0, 1, 'float32', 1);
    const moved = warp(x, tf.zeros([6]), warpNoise(3, 1));
    expect(tf.max(tf.abs(tf.sub(moved, x))).dataSync()[0]).toBeLessThan(1e-4);
  });

  it('shifts by whole pixels: a step of a pixel is 2/27', () => {
    const right = warp(dot(10, 12), strengthsOf('shift right', 2 / 27), ones());
    // The picture is sampled one pixel further right, so its ink moves one to the left.
    expect(right.dataSync()[28 * 10 + 11]).toBeCloseTo(1, 3);
    const down = warp(dot(10, 12), strengthsOf('shift down', 2 / 27), ones());
    expect(down.dataSync()[28 * 9 + 12]).toBeCloseTo(1, 3);
  });

  it('turns about the middle: what is right of it goes above or below it', () => {
    const moved = warp(dot(14, 24), strengthsOf('turn', 0.1), ones()).dataSync();
    const [from, to] = [28 * 14 + 24, [28 * 13 + 24, 28 * 15 + 24]] as const;
    expect(moved[from]).toBeLessThan(0.6);
    expect(Math.max(...to.map((i) => moved[i]!))).toBeGreaterThan(0.3);
  });

  it('has the derivative of central differences with respect to each strength', () => {
    const x = tf.randomUniform([2, 784], 0, 1, 'float32', 2);
    const u = tf.randomNormal([2, 784], 0, 1, 'float32', 4);
    const noise = warpNoise(2, 3);
    const at = tf.tensor1d([0.013, 0.021, 0.017, 0.011, 0.019, 0.023]);
    const f = (a: tf.Tensor) => tf.sum(tf.mul(u, warp(x, a, noise))) as tf.Scalar;
    const gradient = tf.grad(f)(at).dataSync();
    const ε = 1e-4;
    WARPS.forEach((_, k) => {
      const e = tf.tensor1d(WARPS.map((_, j) => (j === k ? ε : 0)));
      const slope = (f(tf.add(at, e)).dataSync()[0]! - f(tf.sub(at, e)).dataSync()[0]!) / (2 * ε);
      expect(Math.abs(gradient[k]! - slope)).toBeLessThan(0.05 * Math.hypot(...gradient));
    });
  });

  it('refuses other shapes', () => {
    expect(() => warp(tf.zeros([2, 100]), tf.zeros([6]), warpNoise(2, 1))).toThrow(ShapeError);
    expect(() => warp(tf.zeros([2, 784]), tf.zeros([6]), warpNoise(3, 1))).toThrow(ShapeError);
    expect(() => warp(tf.zeros([2, 784]), tf.zeros([5]), warpNoise(2, 1))).toThrow(ShapeError);
  });
});

it.each([true, -1, 1.5, '3', Number.NaN])('warpNoise refuses %j pictures', (count) => {
  expect(() => warpNoise(count as number, 1)).toThrow(InputError);
});
