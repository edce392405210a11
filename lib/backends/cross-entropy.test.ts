import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeAll, expect, test } from 'vitest';
import { compiled, hessian, valueAndGradient } from '../autodiff';
import { ShapeError } from '../errors';
import type { NamedTensors } from '../spaces';
import {
  logSoftmax,
  sigmoidCrossEntropies,
  sigmoidCrossEntropy,
  softmaxCrossEntropies,
  softmaxCrossEntropy,
  useBackend,
} from '.';

beforeAll(() => useBackend('cpu'));
afterEach(() => tf.setBackend('cpu'));

test('the cross-entropy of even logits is the logarithm of the number of classes', async () => {
  const labels = tf.tensor2d([1, 0, 0, 0, 0, 1, 0, 0], [2, 4]);
  const loss = softmaxCrossEntropy(labels, tf.zeros([2, 4]));
  expect((await loss.data())[0]).toBeCloseTo(Math.log(4), 6);
});

test('logits far from zero neither overflow nor vanish', async () => {
  const labels = tf.tensor2d([[0, 1]]);
  const loss = softmaxCrossEntropy(labels, tf.tensor2d([[1000, -1000]]));
  expect((await loss.data())[0]).toBe(2000);
  const yesNo = sigmoidCrossEntropy(tf.tensor1d([0, 1]), tf.tensor1d([1000, 1000]));
  expect((await yesNo.data())[0]).toBe(500);
});

test('the Hessian in the logits is diag(p) − p pᵀ', async () => {
  const z = tf.tensor2d([[0.3, -0.2, 0.5]]);
  const labels = tf.tensor2d([[0, 1, 0]]);
  const gradient = tf.grad((z: tf.Tensor) => softmaxCrossEntropy(labels, z));
  const v = tf.tensor2d([[1, 0, 0]]);
  const product = tf.grad((z: tf.Tensor) => tf.sum(tf.mul(gradient(z), v)))(z);
  const p = Array.from(await tf.softmax(z).data());
  const expected = p.map((pi, i) => (i === 0 ? pi : 0) - p[0]! * pi);
  Array.from(await product.data()).forEach((x, i) => {
    expect(x).toBeCloseTo(expected[i]!, 6);
  });
});

test('labels and logits of different shapes are refused', () => {
  expect(() => softmaxCrossEntropy(tf.zeros([2]), tf.zeros([2, 3]))).toThrow(ShapeError);
  expect(() => sigmoidCrossEntropy(tf.zeros([3]), tf.zeros([2, 3]))).toThrow(ShapeError);
});

test.each([
  { shape: [7, 5], scale: 1 },
  { shape: [2, 3, 4], scale: 30 },
  { shape: [6], scale: 1 },
  { shape: [3, 1], scale: 1 },
])('on wasm one kernel gives them, with every derivative: $shape', async ({ shape, scale }) => {
  await useBackend('wasm', { threads: 1 });
  const z = tf.mul(tf.randomNormal(shape, 0, 1, 'float32', 1), scale);
  // Of any sum, so that nothing hangs on labels being probabilities.
  const y = tf.randomUniform(shape, -0.5, 1, 'float32', 2);
  const [u, v] = [3, 4].map((seed) => tf.randomNormal(shape, 0, 1, 'float32', seed));
  const composed = (y: tf.Tensor, z: tf.Tensor) => tf.neg(tf.sum(tf.mul(y, logSoftmax(z)), -1));
  const derivatives = (f: (y: tf.Tensor, z: tf.Tensor) => tf.Tensor) => {
    const total = (y: tf.Tensor, z: tf.Tensor) => tf.sum(tf.square(f(y, z))) as tf.Scalar;
    const along = (y: tf.Tensor, z: tf.Tensor) => {
      const [byLabels, byLogits] = tf.grads(total)([y, z]);
      return tf.sum(tf.add(tf.mul(byLabels!, u!), tf.mul(byLogits!, v!))) as tf.Scalar;
    };
    return [f(y, z), ...tf.grads(total)([y, z]), ...tf.grads(along)([y, z])];
  };
  const [mine, theirs] = [derivatives(softmaxCrossEntropies), derivatives(composed)];
  for (const [i, value] of mine.entries()) {
    const [a, b] = [await value.data(), await theirs[i]!.data()];
    const size = 1e-6 + Math.max(...b.map(Math.abs));
    expect(value.shape).toEqual(theirs[i]!.shape);
    a.forEach((x, j) => {
      expect(Math.abs(x - b[j]!)).toBeLessThan(1e-5 * size);
    });
  }
});

test('labels of whole numbers are as good on wasm', async () => {
  await useBackend('wasm', { threads: 1 });
  const labels = tf.oneHot(tf.tensor1d([1, 0], 'int32'), 3);
  const loss = softmaxCrossEntropy(labels, tf.zeros([2, 3]));
  expect((await loss.data())[0]).toBeCloseTo(Math.log(3), 6);
});

test.each(['cpu', 'wasm'] as const)('logits of whole numbers are numbers: %s', async (name) => {
  await useBackend(name, name === 'wasm' ? { threads: 1 } : {});
  const [labels, logits] = [
    [0, 1, 1, 0],
    [3, -2, 0, 1],
  ];
  const found = sigmoidCrossEntropies(tf.tensor1d(labels, 'bool'), tf.tensor1d(logits, 'int32'));
  expect(found.dtype).toBe('float32');
  found.dataSync().forEach((value, i) => {
    const z = logits[i]!;
    expect(value).toBeCloseTo(Math.log1p(Math.exp(z)) - labels[i]! * z, 5);
  });
  const z = tf.tensor2d([[3, 0]], [1, 2], 'int32');
  const each = softmaxCrossEntropies(tf.tensor2d([[0, 1]], [1, 2], 'bool'), z);
  expect(each.dataSync()[0]).toBeCloseTo(Math.log1p(Math.exp(3)), 5);
});

test.each(['cpu', 'wasm'] as const)(
  'a logit of −∞ rules a class out whose label is 0, on %s',
  async (backend) => {
    await useBackend(backend);
    const mask = tf.tensor2d([
      [0, -Infinity, 0],
      [0, 0, -Infinity],
    ]);
    const labels = tf.tensor2d([
      [1, 0, 0],
      [0, 1, 0],
    ]);
    const z = tf.tensor2d([
      [1, 5, 2],
      [0, 0, 7],
    ]);
    const p = 1 / (1 + Math.E);
    const loss = compiled(({ z }: NamedTensors) => softmaxCrossEntropy(labels, tf.add(z!, mask)));
    for (let i = 0; i < 3; i++) {
      const { value, gradient } = valueAndGradient(loss, { z });
      expect((await value.data())[0]).toBeCloseTo((-Math.log(p) + Math.LN2) / 2, 6);
      const expected = [p - 1, 0, 1 - p, 0.5, -0.5, 0].map((x) => x / 2);
      Array.from(await gradient.z!.data()).forEach((x, k) => {
        expect(x).toBeCloseTo(expected[k]!, 6);
      });
      const H = hessian(loss, { z });
      const v = {
        z: tf.tensor2d([
          [1, 1, 0],
          [1, 0, 3],
        ]),
      };
      const q = p * (1 - p);
      const product = [q, 0, -q, 0.25, -0.25, 0].map((x) => x / 2);
      Array.from(await H.apply(v).z!.data()).forEach((x, k) => {
        expect(x).toBeCloseTo(product[k]!, 6);
      });
      H.dispose();
    }
    const each = await softmaxCrossEntropies(labels, tf.add(z, mask)).data();
    expect(each[0]).toBeCloseTo(-Math.log(p), 6);
    // A class that is ruled out although it is the right one costs what no number can say.
    const wrong = await softmaxCrossEntropies(
      tf.tensor2d([[0, 1]]),
      tf.tensor2d([[0, -Infinity]]),
    ).data();
    expect(wrong[0]).toBe(Infinity);
  },
);

test.each(['cpu', 'wasm'] as const)(
  'a class that is ruled out of labels and of logits has derivatives of 0, on %s',
  async (backend) => {
    await useBackend(backend);
    const mask = tf.tensor2d([[0, -Infinity, 0]]);
    const logits = tf.tensor2d([[2, 1, 0]]);
    // The labels are a softmax of z, as those of a teacher: Σ p (m − l) with l = log softmax(logits).
    const loss = compiled(({ z }: NamedTensors) =>
      softmaxCrossEntropy(tf.softmax(tf.add(z!, mask)), tf.add(logits, mask)),
    );
    const z = tf.tensor2d([[1, 2, 3]]);
    const p = 1 / (1 + Math.exp(2));
    const q = p * (1 - p);
    const expectNear = (found: tf.Tensor, expected: number[]) => {
      [...found.dataSync()].forEach((x, i) => {
        expect(x).toBeCloseTo(expected[i]!, 5);
      });
    };
    // l₁ − l₃ = 2, so the loss is −2 p and a constant.
    const slope = [-2 * q, 0, 2 * q];
    const curvature = [-2 * q * (1 - 2 * p), 0, 2 * q * (1 - 2 * p)];
    expectNear(tf.grad((z) => loss({ z }))(z), slope);
    for (let i = 0; i < 3; i++) {
      expectNear(valueAndGradient(loss, { z }).gradient.z!, slope);
      const H = hessian(loss, { z });
      expectNear(H.apply({ z: tf.tensor2d([[1, 5, 0]]) }).z!, curvature);
      H.dispose();
    }
  },
);
