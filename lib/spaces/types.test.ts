import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, test } from 'vitest';
import { useBackend } from '../backends';
import { type Random, random } from '../numbers';
import { cg } from '../solvers';
import { type NamedTensors, tensors } from '.';

const types = ['float32', 'int32', 'bool'] as const;
type Type = (typeof types)[number];

/** A vector of two named tensors, and its numbers. */
interface Vector {
  x: NamedTensors;
  values: Record<string, number[]>;
}

const size = (shape: number[]) => shape.reduce((a, b) => a * b, 1);

function vector(r: Random, shapes: Record<string, number[]>): Vector {
  const x: NamedTensors = {};
  const values: Vector['values'] = {};
  for (const [name, shape] of Object.entries(shapes)) {
    const dtype: Type = types[r.integer(3)]!;
    const draw = {
      float32: () => r.normal(),
      int32: () => r.integer(9) - 4,
      bool: () => r.integer(2),
    };
    values[name] = Array.from({ length: size(shape) }, () => Math.fround(draw[dtype]()));
    x[name] = tf.tensor(values[name], shape, dtype);
  }
  return { x, values };
}

const lengths = [0, 1, 1, 2, 3, 5, 40];
const shapeOf = (r: Random) => Array.from({ length: r.integer(4) }, () => lengths[r.integer(7)]!);

describe.each([
  ['cpu', {}],
  ['wasm', { threads: 1 }],
  ['wasm', { threads: 1, blas: false }],
] as const)('%s %o', (backend, options) => {
  beforeAll(async () => {
    await useBackend(backend, options);
  });

  test('vectors of any type and shape are computed with as numbers, in float32', () => {
    for (let seed = 0; seed < 60; seed++) {
      const r = random(seed);
      const shapes = { a: shapeOf(r), b: shapeOf(r) };
      const [x, y] = [vector(r, shapes), vector(r, shapes)];
      const α = r.normal();
      const before = tf.memory().numTensors;
      tf.tidy(() => {
        const a = tf.scalar(α);
        const no = tf.scalar(r.integer(2));
        const results = {
          axpy: [tensors.axpy(a, x.x, y.x), (p: number, q: number) => α * p + q],
          subtract: [tensors.subtract(x.x, y.x), (p: number, q: number) => p - q],
          scale: [tensors.scale(a, x.x), (p: number) => α * p],
          clone: [tensors.clone(x.x), (p: number) => p],
          select: [
            tensors.select(no, x.x, y.x),
            (p: number, q: number) => (no.dataSync()[0] ? p : q),
          ],
        } as const;
        for (const [what, [found, f]] of Object.entries(results)) {
          for (const [name, t] of Object.entries(found)) {
            const expected = x.values[name]!.map((p, i) => f(p, y.values[name]![i]!));
            expect([what, t.dtype, t.shape]).toEqual([what, 'float32', x.x[name]!.shape]);
            t.dataSync().forEach((value, i) => {
              expect(Math.abs(value - expected[i]!)).toBeLessThan(1e-5);
            });
          }
        }
        const dot = tensors.dot(x.x, y.x);
        const sum = Object.keys(shapes)
          .flatMap((name) => x.values[name]!.map((p, i) => p * y.values[name]![i]!))
          .reduce((s, p) => s + p, 0);
        expect(dot.dtype).toBe('float32');
        expect(Math.abs(dot.dataSync()[0]! - sum)).toBeLessThan(1e-3);
        const length = Math.hypot(...Object.values(x.values).flat());
        const norm = tensors.norm(x.x);
        expect(norm.dtype).toBe('float32');
        expect(Math.abs(norm.dataSync()[0]! - length)).toBeLessThan(1e-5 * (1 + length));
      });
      expect(tf.memory().numTensors).toBe(before);
      tf.dispose([...Object.values(x.x), ...Object.values(y.x)]);
    }
  });

  test.each(types.flatMap((b) => types.map((start) => [b, start] as const)))(
    'a system with a right-hand side of %s, from a start of %s, has one solution',
    async (ofB, ofStart) => {
      const A = {
        apply: (v: NamedTensors) => ({ x: tf.mul(v.x!, tf.tensor1d([2, 4])) }),
        dispose() {},
      };
      const b = { x: tf.tensor1d([1, 1], ofB) };
      const start = { x: tf.tensor1d([0, 1], ofStart) };
      const before = tf.memory().numTensors;
      const { value, status } = await cg().solve(A, b, { start });
      expect(status).toBe('converged');
      const [first, second] = value.x!.dataSync();
      expect(first).toBeCloseTo(0.5, 6);
      expect(second).toBeCloseTo(0.25, 6);
      value.x!.dispose();
      expect(tf.memory().numTensors).toBe(before);
    },
  );

  test('inner products and sums of many numbers are right to float32', () => {
    const n = 3 * 1024 ** 2;
    const x = tf.fill([n], 200);
    const v = { x };
    const norm = tensors.dot(v, v).dataSync()[0]!;
    expect(Math.abs(norm / (n * 4e4) - 1)).toBeLessThan(1e-6);
    expect(tf.mean(x).dataSync()[0]).toBe(200);
    expect(tf.mean(tf.reshape(x, [n / 3, 3]), 0).dataSync()).toEqual(
      Float32Array.of(200, 200, 200),
    );
    const tenth = tf.fill([3, n / 3], 0.1);
    for (const sum of tf.sum(tenth, 1).dataSync()) {
      expect(Math.abs(sum / ((n / 3) * Math.fround(0.1)) - 1)).toBeLessThan(1e-6);
    }
    tf.dispose([x, tenth]);
  });
});
