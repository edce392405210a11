import * as tf from '@tensorflow/tfjs';
import { describe, expect, test } from 'vitest';
import { leaveOutOfQuickRun } from '../../test/needs';
import { sigmoidCrossEntropy, softmaxCrossEntropy, useBackend } from '../backends';
import { gaussNewton, hessian, linearize, valueAndGradient } from '.';

leaveOutOfQuickRun();

type Type = 'float32' | 'int32' | 'bool';
type Named = Record<string, tf.Tensor>;
type Constant = (...shape: number[]) => tf.Tensor;

const size = (shape: number[]) => shape.reduce((a, b) => a * b, 1);
const { matMul, mul, square, sum, tanh } = tf;

/** Numbers that are the same for every type: 0 and 1. */
const constant =
  (type: Type): Constant =>
  (...shape) =>
    tf.tensor(
      Array.from({ length: size(shape) }, (_, i) => (i * 7 + (i >> 2)) % 2),
      shape,
      type,
    );

const weights = (shape: number[], k: number) =>
  tf.tensor(
    Array.from({ length: size(shape) }, (_, i) => Math.sin(k + 1.7 * i)),
    shape,
  );

/** A function of weights of some shapes, and of constants of some type: n examples. */
interface Case {
  shapes: Record<string, number[]>;
  f(x: Named, c: Constant, n: number): tf.Tensor;
}

const dense = { w: [3, 2], b: [2] };
const image = (x: tf.Tensor) => x as tf.Tensor4D;
const layer = (x: Named, c: Constant, n: number) => tf.add(matMul(c(n, 3), x.w!), x.b!);

const cases: Record<string, Case> = {
  product: { shapes: { w: [4] }, f: (x, c) => sum(square(mul(x.w!, c(4)))) },
  difference: { shapes: { w: [4] }, f: (x, c) => sum(square(tf.sub(tf.div(x.w!, 3), c(4)))) },
  power: { shapes: { w: [4] }, f: (x, c) => sum(tf.pow(tf.exp(x.w!), c(4))) },
  maximum: { shapes: { w: [4] }, f: (x, c) => sum(square(tf.maximum(x.w!, c(4)))) },
  squares: { shapes: { w: [4] }, f: (x, c) => sum(tf.squaredDifference(x.w!, c(4))) },
  choice: {
    shapes: { w: [4] },
    f: (x, c) => sum(square(tf.where(tf.cast(c(4), 'bool'), x.w!, square(x.w!)))),
  },
  layer: { shapes: dense, f: (x, c, n) => sum(square(tanh(layer(x, c, n)))) },
  softmax: { shapes: dense, f: (x, c, n) => sum(square(tf.softmax(layer(x, c, n)))) },
  classes: {
    shapes: dense,
    f: (x, c, n) => mul(n, softmaxCrossEntropy(c(n, 2), layer(x, c, n))),
  },
  'class without examples': {
    shapes: dense,
    f: (x, c, n) => softmaxCrossEntropy(mul(c(n + 1, 2), c(2)), layer(x, c, n + 1)),
  },
  yesNo: {
    shapes: dense,
    f: (x, c, n) => mul(n, sigmoidCrossEntropy(c(n, 2), layer(x, c, n))),
  },
  recurrence: {
    shapes: { u: [3, 2], w: [2, 2] },
    f(x, c, n) {
      let h: tf.Tensor = tf.zeros([n, 2]);
      for (let t = 0; t < 3; t++) h = tanh(tf.add(matMul(c(n, 3), x.u!), matMul(h, x.w!)));
      return sum(square(h));
    },
  },
  convolutions: {
    shapes: { w: [2, 2, 1, 2], v: [2, 2, 2, 2] },
    f(x, c, n) {
      const seen = image(tf.cast(c(n, 4, 4, 1), 'float32'));
      const first = image(tf.sigmoid(tf.conv2d(seen, image(x.w!), 1, 'same')));
      const pooled = image(tf.maxPool(first, 2, 2, 'same'));
      return sum(square(tf.conv2d(pooled, image(x.v!), 1, 'same')));
    },
  },
  'weights without entries': {
    shapes: { w: [0, 2], b: [2] },
    f: (x, c, n) => sum(square(tanh(tf.add(matMul(c(n, 0), x.w!), x.b!)))),
  },
};

const read = (x: Named) => Object.values(x).flatMap((t) => [...t.dataSync()]);

/** Gradient, Hessian and Gauss–Newton products, and both products of the linearization. */
function evaluate({ shapes, f }: Case, type: Type, n: number): number[] {
  const before = tf.memory().numTensors;
  const make = (k: number) =>
    Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [name, weights(shape, k)]));
  const [x, v, two] = [make(1), make(9), tf.tensor1d([2])];
  const loss = (x: Named) => f(x, constant(type), n) as tf.Scalar;
  const all = (x: Named) => tf.reshape(loss(x), [1]);
  const [H, G, J] = [
    hessian(loss, x),
    gaussNewton({ predict: all, loss: (z) => sum(square(z)) as tf.Scalar }, x),
    linearize(all, x),
  ];
  const { value, gradient } = valueAndGradient(loss, x);
  const vectors = [gradient, H.apply(v), G.apply(v), J.vjp(two)] as Named[];
  const jvp = J.jvp(v) as tf.Tensor;
  const numbers = [value as unknown as number, ...jvp.dataSync(), ...vectors.flatMap(read)];
  for (const owner of [H, G, J]) owner.dispose();
  tf.dispose([jvp, two, vectors, x, v, value as unknown as tf.Tensor]);
  expect(tf.memory().numTensors).toBe(before);
  return numbers.slice(1);
}

describe.each(Object.entries(cases))('%s', (_, c) => {
  test('derivatives with integers and booleans for constants, and of no examples, are those of numbers on cpu', async () => {
    const sizes = [5, 1, 0];
    await useBackend('cpu');
    const expected = sizes.map((n) => evaluate(c, 'float32', n));
    expect(expected.flat().every(Number.isFinite)).toBe(true);
    for (const blas of [undefined, true, false]) {
      if (blas !== undefined) await useBackend('wasm', { threads: 1, blas });
      for (const type of ['float32', 'int32', 'bool'] as const) {
        sizes.forEach((n, i) => {
          evaluate(c, type, n).forEach((number, k) => {
            expect(Math.abs(number - expected[i]![k]!)).toBeLessThan(1e-4);
          });
        });
      }
    }
  });
});
