import * as tf from '@tensorflow/tfjs';
import { beforeAll, expect, it } from 'vitest';
import { useBackend } from '../..';
import { type Call, perform } from '../fused/sequence';
import { type Heap, memoryOf } from '../kernels/heap';
import { multiplyOn, productCalls, transposeCall, workOf } from '.';

/** Which factors are in memory as their transposes. */
const ORIENTATIONS = [
  [false, false],
  [true, false],
  [false, true],
  [true, true],
] as const;

beforeAll(() => useBackend('wasm', { threads: 1 }));

const numbers = (size: number, seed: number) =>
  Float32Array.from({ length: size }, (_, i) => Math.sin(seed + 1.7 * i));

/** On the heap between two walls, which nothing may write to. */
function onHeap(heap: Heap, values: Float32Array): number {
  const at = heap.wasm._malloc(4 * values.length + 32);
  const floats = new Float32Array(memoryOf(heap).buffer, at, values.length + 8).fill(99);
  floats.set(values, 4);
  return at + 16;
}

function run<P extends string>(calls: readonly Call<P>[], addresses: Record<P, number>): void {
  for (const call of calls) perform(call, (at) => addresses[at]);
}

const sizes = [1, 2, 3, 4, 5, 7, 8, 9, 13, 17, 24, 32, 71];

it('multiplies matrices of all sizes, transposed or not, and writes nothing else', () => {
  const heap = tf.backend() as Heap;
  let seed = 0;
  for (const m of sizes) {
    for (const n of sizes) {
      const k = sizes[(m + n) % sizes.length]!;
      for (const [transposeA, transposeB] of ORIENTATIONS) {
        const shape = { transposeA, transposeB, m, n, k };
        const [x, y] = [numbers(m * k, seed++), numbers(k * n, seed++)];
        const [a, b, out] = [x, y, new Float32Array(m * n)].map((each) => onHeap(heap, each));
        const work = onHeap(heap, new Float32Array(workOf(shape) / 4));
        run(productCalls(heap, shape), { a: a!, b: b!, out: out!, work });
        const found = new Float32Array(memoryOf(heap).buffer, out! - 16, m * n + 8);
        expect([...found.subarray(0, 4), ...found.subarray(m * n + 4)]).toEqual(
          new Array(8).fill(99),
        );
        for (let i = 0; i < m; i++) {
          for (let j = 0; j < n; j++) {
            let sum = 0;
            for (let p = 0; p < k; p++) {
              sum +=
                x[transposeA ? p * m + i : i * k + p]! * y[transposeB ? j * k + p : p * n + j]!;
            }
            expect(Math.abs(found[4 + i * n + j]! - sum)).toBeLessThan(1e-6 * Math.max(10, k));
          }
        }
        for (const at of [a, b, out, work]) heap.wasm._free(at! - 16);
      }
    }
  }
});

it('transposes', () => {
  const heap = tf.backend() as Heap;
  const x = numbers(15, 1);
  const [from, to] = [onHeap(heap, x), onHeap(heap, new Float32Array(15))];
  run([transposeCall(heap, 3, 5)], { a: from, out: to });
  const found = new Float32Array(memoryOf(heap).buffer, to, 15);
  for (let i = 0; i < 3; i++) {
    for (let j = 0; j < 5; j++) expect(found[j * 3 + i]).toBe(x[i * 5 + j]);
  }
});

/** Σ op(a) op(b) in float64, by the distances of rows. */
function byHand(
  { transposeA, transposeB, m, n, k }: Parameters<typeof workOf>[0],
  [a, rowOfA]: readonly [Float32Array, number],
  [b, rowOfB]: readonly [Float32Array, number],
): Float64Array {
  const out = new Float64Array(m * n);
  for (let i = 0; i < m; i++) {
    for (let p = 0; p < k; p++) {
      const factor = a[transposeA ? p * rowOfA + i : i * rowOfA + p]!;
      for (let j = 0; j < n; j++) {
        out[i * n + j]! += factor * b[transposeB ? j * rowOfB + p : p * rowOfB + j]!;
      }
    }
  }
  return out;
}

// Laid out or not, in several blocks of rows, of columns and of terms.
it.each([
  [60, 100, 600],
  [150, 130, 700],
  [30, 600, 500],
  [20, 9, 9000],
])('multiplies parts of matrices, %i × %i of %i terms, and adds', (m, n, k) => {
  const heap = tf.backend() as Heap;
  const multiply = multiplyOn(heap);
  for (const [transposeA, transposeB] of ORIENTATIONS) {
    const strides = { a: (transposeA ? m : k) + 3, b: (transposeB ? k : n) + 5 };
    const x = numbers((transposeA ? k : m) * strides.a, 1);
    const y = numbers((transposeB ? n : k) * strides.b, 2);
    const wanted = byHand({ transposeA, transposeB, m, n, k }, [x, strides.a], [y, strides.b]);
    const [a, b, out] = [x, y, new Float32Array(m * n)].map((each) => {
      const at = onHeap(heap, each);
      return { at, floats: new Float32Array(memoryOf(heap).buffer, at, each.length) };
    });
    const elsewhere = new Float32Array(m * n).fill(7);
    for (const [to, add, before] of [
      [out!.floats, false, 0],
      [out!.floats, true, 1],
      [elsewhere, false, 0],
      [elsewhere, true, 1],
    ] as const) {
      multiply(transposeA, transposeB, m, n, k, a!.floats, b!.floats, to, add, strides);
      const worst = wanted.reduce(
        (worst, value, i) => Math.max(worst, Math.abs(to[i]! - (1 + before) * value)),
        0,
      );
      expect(worst).toBeLessThan(1e-5 * k);
    }
    for (const { at } of [a!, b!, out!]) heap.wasm._free(at - 16);
  }
});

// Of small matrices, which the build multiplies, and of larger ones; each by itself, or one by all.
it.each([
  [3, 4, 5],
  [9, 40, 13],
])('a batch has the products of each of its matrices, %i × %i · … × %i', async (m, k, n) => {
  await useBackend('wasm', { threads: 1, blas: false });
  for (const [transposeA, transposeB] of ORIENTATIONS) {
    for (const [batchA, batchB] of [
      [6, 6],
      [1, 6],
      [6, 1],
    ] as const) {
      tf.tidy(() => {
        const [x, y] = [transposeA ? [k, m] : [m, k], transposeB ? [n, k] : [k, n]];
        const a = tf.randomNormal([batchA, ...x], 0, 1, 'float32', 1);
        const b = tf.randomNormal([batchB, ...y], 0, 1, 'float32', 2);
        const product = tf.matMul(a, b, transposeA, transposeB).dataSync();
        const [lefts, rights] = [tf.unstack(a), tf.unstack(b)];
        for (let i = 0; i < 6; i++) {
          const [left, right] = [lefts[i % batchA]!, rights[i % batchB]!];
          const one = tf.matMul(left, right, transposeA, transposeB).dataSync();
          one.forEach((value, j) => {
            expect(Math.abs(product[i * m * n + j]! - value)).toBeLessThan(1e-4);
          });
        }
      });
    }
  }
});
