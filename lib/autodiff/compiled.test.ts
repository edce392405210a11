import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { needs } from '../../test/needs';
import { useBackend } from '../backends';
import type { NamedTensors } from '../spaces';
import { compiled, freePrograms, gradientOf, recordGradientOf, rememberedOf } from '.';
import { normal, relativeError } from './testing';

/** Programs multiply matrices by the system's library, or by themselves. */
const libraries = needs('blas').available ? [true, false] : [false];

/** Logistic regression with a penalty for each weight, that counts how often it is called. */
function counted() {
  const X = normal([9, 4], 1) as tf.Tensor2D;
  const calls = { count: 0 };
  const loss = compiled(({ w }: NamedTensors, { λ }: NamedTensors) => {
    calls.count++;
    const penalty = tf.sum(tf.mul(tf.exp(λ!), tf.square(w!)));
    return tf.add(tf.mean(tf.softplus(tf.dot(X, w!))), penalty) as tf.Scalar;
  });
  return { loss, calls };
}

const at = (seed: number) => [{ w: normal([4], seed) }, { λ: normal([4], seed + 1) }] as const;

describe.each(libraries)('compiled, with OpenBLAS: %s', (blas) => {
  beforeAll(() => useBackend('wasm', { threads: 1, blas }));

  it('is not called once it is known, and gives the same', () => {
    const { loss, calls } = counted();
    const known = rememberedOf(loss);
    const gradient = (seed: number) => gradientOf(loss, ...at(seed), known)!;
    for (const seed of [2, 3, 4]) tf.dispose(gradient(seed));
    expect(calls.count).toBe(1);
    const numbers = tf.memory().numTensors;
    const [w, λ] = at(10);
    const found = gradientOf(loss, w, λ, known)!;
    const derivative = recordGradientOf(loss, w, λ, known)!;
    expect(calls.count).toBe(1);
    const truth = tf.grad((w) => loss({ w }, λ))(w.w);
    expect(relativeError(found, truth)).toBeLessThan(1e-6);
    const mixed = derivative.mixed(w);
    const direct = tf.mul(tf.mul(2, tf.exp(λ.λ)), tf.mul(w.w, w.w));
    expect(relativeError(mixed, direct)).toBeLessThan(1e-6);
    derivative.dispose();
    loss.free();
    freePrograms();
    expect(tf.memory().numTensors).toBeLessThan(numbers + 12);
    tf.dispose(gradientOf(loss, w, λ, known)!);
    expect(calls.count).toBe(3);
  });

  it('is called anew for other shapes and other names', () => {
    const calls: string[] = [];
    const loss = compiled((w, λ) => {
      calls.push(Object.keys(w).join());
      return tf.add(
        tf.sum(tf.exp(Object.values(w)[0]!)),
        tf.sum(Object.values(λ)[0]!),
      ) as tf.Scalar;
    });
    const known = rememberedOf(loss);
    const λ = { λ: tf.ones([2]) };
    const points = [{ w: tf.ones([3]) }, { w: tf.ones([5]) }, { v: tf.ones([3]) }];
    for (const point of points) {
      const before = calls.length;
      for (let i = 0; i < 4; i++) tf.dispose(gradientOf(loss, point, λ, known)!);
      expect(calls.length - before).toBeGreaterThan(0);
      expect(calls.length - before).toBeLessThanOrEqual(3);
    }
  });

  it('keeps what it captures for a bounded number of shapes, those that were used last', () => {
    const [factor, calls] = [tf.scalar(3), [] as number[]];
    const loss = compiled(({ w }) => {
      calls.push(w!.size);
      return tf.mul(factor, tf.sum(tf.square(w!))) as tf.Scalar;
    });
    const gradientOfSize = (size: number) => {
      const at: [NamedTensors, NamedTensors] = [{ w: tf.ones([size]) }, { λ: tf.scalar(1) }];
      const gradient = gradientOf(loss, ...at, rememberedOf(loss))!;
      expect(gradient.w!.dataSync()).toEqual(new Float32Array(size).fill(6));
      tf.dispose([gradient, ...at]);
    };
    const before = tf.memory().numTensors;
    for (let size = 1; size <= 100; size++) {
      gradientOfSize(size);
      gradientOfSize(1);
    }
    // One number is captured for each.
    expect(tf.memory().numTensors - before).toBeLessThanOrEqual(32);
    expect(calls.filter((size) => size === 1).length).toBeLessThanOrEqual(2);
    loss.free();
    expect(tf.memory().numTensors).toBe(before);
    factor.dispose();
  });

  it('refuses what reads numbers, and variables that are not handed over', () => {
    const factor = tf.variable(tf.scalar(2));
    const reading = compiled(({ w }) => tf.sum(tf.mul(w!, w!.dataSync()[0]!)) as tf.Scalar);
    const varying = compiled(({ w }) => tf.sum(tf.mul(w!, factor)) as tf.Scalar);
    const x = [{ w: tf.ones([2]) }, { λ: tf.ones([1]) }] as const;
    expect(() => gradientOf(reading, ...x, rememberedOf(reading))).toThrow(/reads the numbers/);
    const batched = (_: NamedTensors, __: NamedTensors, batch: number) => tf.scalar(batch);
    expect(() => compiled(batched as never)).toThrow(/two|alone/);
    expect(() => gradientOf(varying, ...x, rememberedOf(varying))).toThrow(/tf.Variable/);
  });
});
