import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { useBackend } from '../../backends';
import type { NamedTensors } from '../../spaces';
import { slowClock } from '../../testing';
import { gaussNewton, linearize } from '..';
import {
  crossEntropy,
  direction,
  kernels,
  normal,
  numbers,
  oneHot,
  relativeError,
} from '../testing';
import { switchPrograms } from '../traced';

interface Layer {
  images: [number, number, number, number];
  filter: [number, number, number, number];
  strides?: number | [number, number];
  pad?: 'same' | 'valid' | number;
  pool?: [size: number, stride: number, pad: 'same' | 'valid'];
}

const layers: [string, Layer][] = [
  ['of one channel', { images: [3, 8, 8, 1], filter: [5, 5, 1, 4] }],
  ['of four channels', { images: [2, 6, 6, 4], filter: [3, 3, 4, 5] }],
  ['oblong', { images: [2, 7, 12, 3], filter: [2, 3, 3, 2], pad: 'valid' }],
  ['strided', { images: [2, 11, 9, 2], filter: [3, 2, 2, 3], strides: [2, 1], pad: 'same' }],
  ['with a wide margin', { images: [2, 6, 5, 1], filter: [3, 3, 1, 3], strides: 2, pad: 2 }],
  ['with a rest', { images: [2, 8, 8, 2], filter: [3, 3, 2, 2], strides: 2, pad: 'valid' }],
  ['with pools that overlap', { images: [2, 9, 9, 2], filter: [3, 3, 2, 4], pool: [3, 2, 'same'] }],
];

const layer =
  ({ strides = 1, pad = 'same', pool = [2, 2, 'valid'] }: Layer) =>
  ({ x, K, c }: NamedTensors) => {
    const outputs = tf.conv2d(x as tf.Tensor4D, K as tf.Tensor4D, strides, pad);
    return tf.maxPool(tf.relu(tf.add(outputs, c!)) as tf.Tensor4D, ...pool);
  };

/** What a function computes with another backend. */
async function on<T>(backend: 'cpu' | 'wasm', f: () => T): Promise<T> {
  await useBackend(backend, backend === 'wasm' ? { threads: 1 } : {});
  return f();
}

/** Products of the layer at some numbers, with respect to some of its inputs. */
function products(of: Layer, names: readonly string[]): { Jv: number[]; Ju: number[][] } {
  const { images, filter } = of;
  return tf.tidy(() => {
    const all: NamedTensors = {
      x: normal(images, 1),
      K: normal(filter, 2),
      c: normal([filter[3]], 3),
    };
    const leaves = Object.fromEntries(names.map((name) => [name, all[name]!]));
    const J = linearize((x): tf.Tensor => layer(of)({ ...all, ...x }), leaves);
    const Jv = J.jvp(direction(leaves, 10));
    const Ju = J.vjp(normal(Jv.shape, 20));
    J.dispose();
    return { Jv: numbers(Jv), Ju: names.map((name) => numbers(Ju[name]!)) };
  });
}

/** A tensor for each name. */
const tensorsFor = (
  shapes: Record<string, number[]>,
  make: (shape: number[], i: number) => tf.Tensor,
) =>
  Object.fromEntries(Object.entries(shapes).map(([name, shape], i) => [name, make(shape, i + 1)]));

const tensorsOf = (lists: readonly number[][]) => lists.map((list) => tf.tensor1d(list));

describe('a convolution with relu and a pool of maxima', () => {
  afterAll(() => useBackend('wasm', { threads: 1 }));

  test.each(layers)('has the products that cpu computes step by step: %s', async (_, of) => {
    for (const names of [['K', 'c'], ['x'], ['K'], ['x', 'c'], ['x', 'K', 'c']]) {
      const expected = await on('cpu', () => products(of, names));
      const found = await on('wasm', () => products(of, names));
      tf.tidy(() => {
        expect(relativeError(tensorsOf([found.Jv]), tensorsOf([expected.Jv]))).toBeLessThan(1e-5);
        for (const [i, u] of found.Ju.entries()) {
          const [left, right] = [tensorsOf([u]), tensorsOf([expected.Ju[i]!])];
          expect(relativeError(left, right)).toBeLessThan(1e-5);
        }
      });
    }
  });

  test.each(['K', 'x', 'c', 'u'])(
    'is NaN where cpu is for a NaN of %s, relu or not',
    async (name) => {
      const of: Layer = { images: [2, 8, 8, 2], filter: [3, 3, 2, 4], pad: 'valid' };
      const masks = () =>
        tf.tidy(() => {
          const shapes: Record<string, number[]> = {
            x: of.images,
            K: of.filter,
            c: [4],
            u: [2, 3, 3, 4],
          };
          const v: NamedTensors = tensorsFor(shapes, (shape, i) => normal(shape, 10 + i));
          const values = numbers(v[name]!);
          values[values.length - 3] = Number.NaN;
          v[name] = tf.tensor(values, shapes[name]);
          const { u, ...direction } = v;
          const leaves = tensorsFor({ x: of.images, K: of.filter, c: [4] }, (shape, i) =>
            normal(shape, i),
          );
          const J = linearize((at): tf.Tensor => layer(of)(at), leaves);
          const all = [J.jvp(direction), ...Object.values(J.vjp(u!))].flatMap(numbers);
          const zeros = numbers(J.value).filter((each) => each === 0);
          J.dispose();
          return { isNaN: all.map(Number.isNaN), zeros: zeros.length };
        });
      const [expected, found] = [await on('cpu', masks), await on('wasm', masks)];
      expect(expected.zeros).toBeGreaterThan(3);
      expect(found).toEqual(expected);
    },
  );

  describe('on wasm', () => {
    const x = () => ({ K: normal([3, 3, 1, 4], 2), c: normal([4], 3), W: normal([36, 3], 4) });
    const images = [5, 6, 6, 1] as [number, number, number, number];
    const model = (X: tf.Tensor) => ({
      predict({ K, c, W }: NamedTensors) {
        const pooled = layer({ images, filter: [3, 3, 1, 4] })({ x: X, K: K!, c: c! });
        return tf.matMul(tf.reshape(pooled, [5, 36]), W as tf.Tensor2D);
      },
      loss: crossEntropy(oneHot(5, 3)),
    });

    beforeAll(async () => {
      await useBackend('wasm', { threads: 1 });
      switchPrograms(false);
    });
    afterAll(() => switchPrograms(true));

    test('computes only the outputs at the maxima, and lays nothing out for it', () => {
      tf.engine().startScope();
      const G = gaussNewton(model(normal(images, 1)), x());
      G.apply(x());
      const names = kernels(() => G.apply(x()));
      expect(names.filter((name) => name.includes('Conv2D'))).toEqual([
        'Conv2DAt',
        'Conv2DAtBackpropBias',
        'Conv2DAtBackpropFilter',
      ]);
      expect(names.filter((name) => /TakeAt|AddAt|WithMargins|WindowsAt/.test(name))).toEqual([]);
      G.dispose();
      tf.engine().endScope();
    });

    test('runs step by step while a gradient is taken of it, by its direction', () => {
      tf.engine().startScope();
      const point = x();
      const G = gaussNewton(model(normal(images, 1)), point);
      const [v, w] = [direction(point, 100), direction(point, 200)];
      const along = (K: tf.Tensor) => {
        const product = G.apply({ ...v, K });
        const terms = Object.keys(point).map((name) =>
          tf.sum(tf.mul(product[name]!, w[name as 'K']!)),
        );
        return tf.addN(terms) as tf.Scalar;
      };
      expect(relativeError(tf.grad(along)(v.K!), G.apply(w).K!)).toBeLessThan(1e-5);
      G.dispose();
      tf.engine().endScope();
    });

    test('is left between its kernels, with the same bits, and goes on by operations where they are gone', async () => {
      const [X, point] = [normal(images, 1), x()];
      const of = model(X);
      const v = direction(point, 100);
      const first = gaussNewton(of, point);
      const [whole, before] = [first.apply(v), tf.memory().numTensors];
      first.dispose();
      slowClock();
      /** The product, with something else at one of the pauses; and how many there were. */
      const leftAt = async (place: number, meanwhile: () => Promise<unknown>) => {
        const G = gaussNewton(of, point);
        const work = G.applyInPieces(v);
        let [turn, pauses] = [work.next(), 0];
        for (; turn.done !== true; turn = work.next()) if (pauses++ === place) await meanwhile();
        await tf.setBackend('wasm');
        G.dispose();
        return { product: turn.value, pauses };
      };
      const { product, pauses } = await leftAt(-1, async () => {});
      expect(numbers(product)).toEqual(numbers(whole));
      // Two are in the plan, one after each of four instructions; the others within the two that pool.
      expect(pauses).toBeGreaterThan(8);
      tf.dispose(product);
      for (let place = 0; place < pauses; place++) {
        const { product } = await leftAt(place, () => tf.setBackend('cpu'));
        expect(relativeError(product, whole)).toBeLessThan(1e-5);
        tf.dispose(product);
      }
      vi.restoreAllMocks();
      tf.dispose([X, point, v, whole]);
      expect(tf.memory().numTensors).toBeLessThanOrEqual(before);
    });

    test('lets no NaN of a direction pass for a number, and leaves no tensor', () => {
      const X = normal(images, 1);
      const [point, v] = [x(), { ...x(), c: tf.tensor1d([0, Number.NaN, 0, 0]) }];
      const of = model(X);
      const before = tf.memory().numTensors;
      const G = gaussNewton(of, point);
      const product = G.apply(v);
      expect(numbers(product).some(Number.isNaN)).toBe(true);
      tf.dispose(product);
      G.dispose();
      expect(tf.memory().numTensors).toBe(before);
      tf.dispose([X, ...Object.values(point), ...Object.values(v)]);
    });

    test('adds 200,000 equal terms of a filter without losing digits', () => {
      tf.tidy(() => {
        const X = tf.ones([2, 320, 320, 1]);
        const of: Layer = { images: [2, 320, 320, 1], filter: [1, 1, 1, 1], pool: [1, 1, 'valid'] };
        const J = linearize(({ K }): tf.Tensor => layer(of)({ x: X, K: K!, c: tf.zeros([1]) }), {
          K: tf.ones([1, 1, 1, 1]),
        });
        const { K } = J.vjp(tf.fill([2, 320, 320, 1], 0.1));
        const exact = 2 * 320 * 320 * Math.fround(0.1);
        // One sum in float32 is off by 1e-3.
        expect(Math.abs(numbers(K!)[0]! / exact - 1)).toBeLessThan(2e-5);
        J.dispose();
      });
    });
  });
});
