import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { needs } from '../../test/needs';
import { useBackend } from '../backends';
import { NotFiniteError } from '../errors';
import type { NamedTensors } from '../spaces';
import {
  compiled,
  freePrograms,
  gradientOf,
  hessian,
  markAuxiliary,
  recordGradientOf,
  rememberedOf,
  valueAndGradient,
} from '.';
import { normal, relativeError } from './testing';

/** Programs multiply matrices by the system's library, or by themselves. */
const programs = needs('programs');
/** A test of what a program alone can do. */
const itCompiled = it.skipIf(!programs.available);
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

  itCompiled('is not called once it is known, and gives the same', () => {
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

  itCompiled('is called again for other shapes and other names', () => {
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

  itCompiled.each([
    { first: [['a b'], ['c']], second: [['a'], ['b c']] },
    { first: [['a,b', 'c'], ['d']], second: [['a', 'b,c'], ['d']] },
  ])('tells names apart that read alike: $first and $second', ({ first, second }) => {
    const loss = compiled((w, λ) => {
      const all = [w, λ].flatMap((record) => Object.values(record));
      return tf.mul('a' in w ? 3 : 2, tf.sum(tf.addN(all))) as tf.Scalar;
    });
    const named = (names: string[] = []) =>
      Object.fromEntries(names.map((name) => [name, tf.ones([2])]));
    for (const [factor, [w, λ]] of [
      [2, first],
      [3, second],
    ] as const) {
      for (let i = 0; i < 4; i++) {
        const found = gradientOf(loss, named(w), named(λ), rememberedOf(loss))!;
        for (const each of Object.values(found)) {
          expect([...each.dataSync()]).toEqual([factor, factor]);
        }
        tf.dispose(found);
      }
    }
    loss.free();
  });

  itCompiled(
    'keeps what it captures for a bounded number of shapes, those that were used last',
    () => {
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
    },
  );

  itCompiled('takes data that were made on another backend, which moves them here', async () => {
    await tf.setBackend('cpu');
    const X = tf.sign(normal([9, 4], 1));
    await useBackend('wasm', { threads: 1, blas });
    const loss = compiled(({ w }: NamedTensors) => tf.mean(tf.dot(X, w!)) as tf.Scalar);
    const [w, λ] = at(2);
    const found = gradientOf(loss, w, λ, rememberedOf(loss))!;
    const wanted = tf.mean(X, 0);
    expect(relativeError(found.w!, wanted)).toBeLessThan(1e-6);
  });

  itCompiled('refuses what reads numbers, and variables that are not handed over', () => {
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

describe('compiled, as a loss of x alone', () => {
  beforeAll(() => useBackend('wasm', { threads: 1 }));

  function network() {
    const [X, Y] = [normal([9, 4], 1) as tf.Tensor2D, normal([9, 3], 2)];
    const calls = { count: 0 };
    const plain = ({ W, b }: NamedTensors) => {
      calls.count++;
      const z = tf.add(tf.matMul(X, W as tf.Tensor2D), b!);
      return tf.mean(tf.square(tf.sub(tf.tanh(z), Y))) as tf.Scalar;
    };
    return { plain, loss: compiled(plain), calls };
  }
  const point = (seed: number) => ({ W: normal([4, 3], seed), b: normal([3], seed + 1) });

  itCompiled('gives value, gradient and products of the same, and is called once', () => {
    const { plain, loss, calls } = network();
    for (const seed of [3, 5, 7]) {
      const x = point(seed);
      const found = valueAndGradient(loss, x);
      const H = hessian(loss, x);
      expect(calls.count).toBe(1);
      const product = H.apply(x);
      calls.count = 0;
      const truth = valueAndGradient(plain, x);
      const wanted = hessian(plain, x);
      expect(relativeError(found.value, truth.value)).toBeLessThan(1e-6);
      expect(relativeError(H.value, truth.value)).toBeLessThan(1e-6);
      expect(relativeError(found.gradient, truth.gradient)).toBeLessThan(1e-6);
      expect(relativeError(H.gradient, truth.gradient)).toBeLessThan(1e-6);
      expect(relativeError(product, wanted.apply(x))).toBeLessThan(1e-5);
      calls.count = 1;
      H.dispose();
      wanted.dispose();
    }
    loss.free();
  });

  it('leaves no tensor behind, and sees other numbers of the point', () => {
    const { loss } = network();
    tf.dispose(valueAndGradient(loss, point(3)));
    const before = tf.memory().numTensors;
    const values = [3, 4].map((seed) => {
      const x = point(seed);
      const { value, gradient } = valueAndGradient(loss, x);
      const H = hessian(loss, x);
      tf.dispose(H.apply(x));
      H.dispose();
      const number = value.dataSync()[0]!;
      tf.dispose([value, gradient, x]);
      return number;
    });
    expect(values[0]).not.toBe(values[1]);
    expect(tf.memory().numTensors).toBe(before);
    loss.free();
  });

  it('is called each time where it marks something, whoever asked first', () => {
    const marking = () =>
      compiled(({ x }: NamedTensors) => {
        markAuxiliary({ largest: tf.max(x!) });
        return tf.sum(tf.square(x!)) as tf.Scalar;
      });
    const [first, second] = [marking(), marking()];
    const at = (largest: number) => ({ x: tf.tensor1d([1, largest]) });
    hessian(second, at(2)).dispose();
    for (const loss of [first, second]) {
      for (const largest of [3, 5, 7]) {
        const { auxiliary } = valueAndGradient(loss, at(largest));
        expect(auxiliary!.largest!.dataSync()[0]).toBe(largest);
      }
    }
  });

  it('throws for a loss that is not finite, at first and when it is known', () => {
    const loss = compiled(({ x }: NamedTensors) => tf.sum(tf.log(x!)) as tf.Scalar);
    const before = tf.memory().numTensors;
    for (let i = 0; i < 3; i++) {
      const bad = { x: tf.tensor1d([1, -1]) };
      expect(() => valueAndGradient(loss, bad)).toThrow(NotFiniteError);
      const good = { x: tf.tensor1d([1, 2]) };
      const { value, gradient } = valueAndGradient(loss, good);
      expect(gradient.x!.dataSync()).toEqual(Float32Array.of(1, 0.5));
      tf.dispose([value, gradient, bad, good]);
    }
    loss.free();
    expect(tf.memory().numTensors).toBe(before);
  });

  it('can be differentiated further', () => {
    const loss = compiled(({ x }: NamedTensors) => tf.sum(tf.exp(x!)) as tf.Scalar);
    const x = tf.tensor1d([0, 1]);
    const twice = () =>
      tf.grad((x) => tf.sum(tf.square(valueAndGradient(loss, { x }).gradient.x!)))(x);
    tf.dispose(valueAndGradient(loss, { x }));
    for (let i = 0; i < 2; i++) {
      expect(relativeError(twice(), tf.mul(2, tf.exp(tf.mul(2, x))))).toBeLessThan(1e-6);
    }
  });
});
