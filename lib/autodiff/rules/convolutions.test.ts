import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { useBackend } from '../../backends';
import type { NamedTensors } from '../../spaces';
import { type Curvature, gaussNewton, hessian, linearize, valueAndGradient } from '..';
import {
  crossEntropy,
  differenceError,
  direction,
  dot,
  kernels,
  normal,
  numbers,
  oneHot,
  relativeError,
  type TestModel,
} from '../testing';
import { switchPrograms } from '../traced';

type Layer = (x: tf.Tensor4D, K: tf.Tensor4D, bias: tf.Tensor1D) => tf.Tensor;

/** Two such layers on images, with tanh after the first, and a dense one. */
function network(images: number[], filters: number[][], layer: Layer): TestModel {
  const X = normal(images, 1) as tf.Tensor4D;
  const [K1, K2] = filters.map((shape, i) => normal(shape, 2 + i, 0.3)) as [tf.Tensor, tf.Tensor];
  const bias = (K: tf.Tensor, channels: number, seed: number) =>
    normal([K.shape[3] === 1 ? channels : K.shape[3]!], seed, 0.3);
  const parameters = { K1, b1: bias(K1, images[3]!, 4), K2, b2: bias(K2, K2.shape[2]!, 5) };
  const features = ({ K1, b1, K2, b2 }: NamedTensors) => {
    const hidden = tf.tanh(layer(X, K1 as tf.Tensor4D, b1 as tf.Tensor1D)) as tf.Tensor4D;
    const last = layer(hidden, K2 as tf.Tensor4D, b2 as tf.Tensor1D);
    return tf.reshape(last, [images[0]!, -1]);
  };
  const width = tf.tidy(() => features(parameters).shape[1]!);
  return {
    x: { ...parameters, W: normal([width, 3], 6, 0.3) },
    predict: ({ W, ...filters }) => tf.matMul(features(filters), W!),
    loss: crossEntropy(oneHot(images[0]!, 3)),
  };
}

const convolution =
  (strides: number | [number, number], pad: 'same' | 'valid' | number, dilations = 1): Layer =>
  (x, K, bias) =>
    tf.add(tf.conv2d(x, K, strides, pad, 'NHWC', dilations), bias);

const twice = (channels: number) => [
  [3, 3, channels, 4],
  [3, 3, 4, 3],
];

const models: [string, () => TestModel][] = [
  ['plain', () => network([4, 6, 6, 1], twice(1), convolution(1, 'same'))],
  ['one image', () => network([1, 6, 6, 2], twice(2), convolution(1, 'same'))],
  ['many channels', () => network([3, 6, 6, 12], twice(12), convolution(1, 'same'))],
  [
    'oblong images and windows, strided',
    () =>
      network(
        [3, 9, 12, 2],
        [
          [2, 3, 2, 4],
          [3, 2, 4, 3],
        ],
        convolution([1, 2], 'valid'),
      ),
  ],
  ['a wide margin', () => network([3, 6, 5, 1], twice(1), convolution(2, 2))],
  ['dilated', () => network([3, 9, 9, 2], twice(2), convolution(1, 'same', 2))],
  [
    'fused with the bias',
    () =>
      network([3, 6, 6, 2], twice(2), (x, filter, bias) =>
        tf.fused.conv2d({ x, filter, bias, strides: 1, pad: 'valid' }),
      ),
  ],
  [
    'with maximum pools that overlap',
    () =>
      network([3, 9, 9, 1], twice(1), (x, K, bias) =>
        tf.maxPool(convolution(1, 'same')(x, K, bias) as tf.Tensor4D, 3, 2, 'same'),
      ),
  ],
  [
    'with maximum pools side by side',
    () =>
      network([3, 8, 8, 1], twice(1), (x, K, bias) =>
        tf.maxPool(convolution(1, 'same')(x, K, bias) as tf.Tensor4D, 2, 2, 'valid'),
      ),
  ],
  [
    'depthwise',
    () =>
      network(
        [3, 6, 6, 2],
        [
          [3, 3, 2, 1],
          [2, 2, 2, 1],
        ],
        (x, K, bias) => tf.add(tf.depthwiseConv2d(x, K, 1, 'same'), bias),
      ),
  ],
];

/** Those that have a step in their slope, and finite differences may step over it. */
const isKinked = (name: string) => name.includes('maximum');

describe.each([
  ['cpu', {}],
  ['wasm', { threads: 1, blas: true }],
  ['wasm', { threads: 1, blas: false }],
] as const)('convolutions on %s, %j', (backend, options) => {
  beforeAll(() => useBackend(backend, options));

  test.each(models)(
    'products are the slopes of the gradient and of the output: %s',
    (name, build) => {
      tf.engine().startScope();
      const { x, predict, loss } = build();
      const whole = (x: NamedTensors) => loss(predict(x));
      const v = direction(x, 100);
      const [H, G, J] = [
        hessian(whole, x),
        gaussNewton({ predict, loss }, x),
        linearize(predict, x),
      ];
      const Hv = H.apply(v);
      if (!isKinked(name)) {
        const gradient = (x: NamedTensors) => valueAndGradient(whole, x).gradient;
        expect(differenceError(Hv, gradient, x, v)).toBeLessThan(3e-3);
        expect(differenceError(J.jvp(v), predict, x, v)).toBeLessThan(1e-3);
      }
      const list = Object.values(x);
      const byList = (...values: tf.Tensor[]) =>
        whole(Object.fromEntries(Object.keys(x).map((name, i) => [name, values[i]!])));
      const slope = (...values: tf.Tensor[]) =>
        tf.addN(
          tf
            .grads(byList)(values)
            .map((g, i) => tf.sum(tf.mul(g, Object.values(v)[i]!))),
        ) as tf.Scalar;
      expect(relativeError(Hv, tf.grads(slope)(list))).toBeLessThan(1e-4);

      const upper = hessian(({ z }) => loss(z!), { z: J.value });
      const u = upper.apply({ z: J.jvp(v) }).z!;
      const Ju = J.vjp(u);
      expect(relativeError(G.apply(v), Ju)).toBeLessThan(1e-5);
      const [left, right] = [dot(numbers(u), numbers(J.jvp(v))), dot(numbers(Ju), numbers(v))];
      expect(Math.abs(left - right)).toBeLessThan(1e-5 * Math.abs(left));
      for (const owner of [H, G, J, upper]) owner.dispose();
      tf.engine().endScope();
    },
  );

  test('a product can itself be differentiated, by the direction', () => {
    tf.engine().startScope();
    const { x, predict, loss } = models.find(([name]) => name.includes('side by side'))![1]();
    const [v, w] = [direction(x, 100), direction(x, 200)];
    for (const C of [hessian((x) => loss(predict(x)), x), gaussNewton({ predict, loss }, x)]) {
      const along = ({ K2 }: NamedTensors) => {
        const product = C.apply({ ...v, K2: K2! });
        const terms = Object.keys(x).map((name) => tf.sum(tf.mul(product[name]!, w[name]!)));
        return tf.addN(terms) as tf.Scalar;
      };
      const slope = tf.grad((K2) => along({ K2 }))(v.K2!);
      expect(relativeError(slope, C.apply(w).K2!)).toBeLessThan(1e-4);
      C.dispose();
    }
    tf.engine().endScope();
  });
});

describe('convolutions on wasm', () => {
  let model: TestModel;
  const whole = (x: NamedTensors) => model.loss(model.predict(x));
  const memory = () => {
    const { numTensors, numBytes, numDataBuffers } = tf.memory();
    return { numTensors, numBytes, numDataBuffers };
  };

  beforeAll(async () => {
    await useBackend('wasm', { threads: 1 });
    model = models.find(([name]) => name.includes('side by side'))![1]();
  });

  afterEach(() => {
    switchPrograms(true);
  });

  test('operation by operation a product is five sums of convolutions, with none for the data; images are laid out, and maxima found, once', () => {
    switchPrograms(false);
    const count = (names: string[], part: string) =>
      names.filter((name) => name.includes(part)).length;
    for (const record of [() => hessian(whole, model.x), () => gaussNewton(model, model.x)]) {
      let C!: Curvature;
      const first = kernels(() => {
        C = record();
        C.apply(model.x);
      });
      const second = kernels(() => C.apply(model.x));
      expect(count(first, 'Conv2DSeen')).toBe(2);
      expect(count(first, 'MaxPoolWithArgmax')).toBe(2);
      expect(second.filter((name) => name.includes('Conv2D')).sort()).toEqual([
        'Conv2DBackpropFilterSum',
        'Conv2DBackpropFilterSum',
        'Conv2DBackpropInputSum',
        'Conv2DSum',
        'Conv2DSum',
      ]);
      expect(count(second, 'MaxPool')).toBe(0);
      C.dispose();
    }
  });

  test('1,000 products leave nothing, and disposal what was there before', () => {
    const v = direction(model.x, 100);
    const before = memory();
    for (const C of [hessian(whole, model.x), gaussNewton(model, model.x)]) {
      tf.dispose(C.apply(v));
      const during = memory();
      for (let i = 0; i < 500; i++) tf.dispose(C.apply(v));
      expect(memory()).toEqual(during);
      C.dispose();
    }
    expect(memory()).toEqual(before);
  });
});
