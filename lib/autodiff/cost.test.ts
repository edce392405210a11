import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { softmaxCrossEntropy, useBackend } from '../backends';
import { rnn } from '../models';
import type { NamedTensors } from '../spaces';
import { gaussNewton, hessian, linearize } from '.';
import { graph } from './graph';
import { record } from './tape';
import { kernels, normal, oneHot } from './testing';

const X = () => normal([3, 20], 1);
const parameters = () => ({
  W1: normal([20, 5], 2),
  b1: normal([5], 3),
  W2: normal([5, 4], 4),
  b2: normal([4], 5),
});
const predict = ({ W1, b1, W2, b2 }: NamedTensors) =>
  tf.add(tf.matMul(tf.relu(tf.add(tf.matMul(X(), W1!), b1!)), W2!), b2!);
const loss = (z: tf.Tensor) => softmaxCrossEntropy(oneHot(3, 4), z);

const products = (names: string[]) =>
  names.filter((name) => name === 'BatchMatMul' || name === 'MatMulAdd').length;

beforeAll(async () => {
  await useBackend('cpu');
});

test('a Hessian product of two layers is 8 matrix products, with none for the data', () => {
  const x = parameters();
  const H = hessian((x) => loss(predict(x)), x);
  H.apply(x);
  const names = kernels(() => H.apply(x));
  expect(products(names)).toBe(8);
  expect(names.length).toBeLessThanOrEqual(24);
});

test('a Gauss–Newton product of two layers is 6 matrix products', () => {
  const x = parameters();
  const G = gaussNewton({ predict, loss }, x);
  G.apply(x);
  const names = kernels(() => G.apply(x));
  expect(products(names)).toBe(6);
  expect(names.length).toBeLessThanOrEqual(24);
});

describe('a recurrence of T steps', () => {
  const T = 28;
  const model = rnn({ features: 3, steps: T, hidden: 4, classes: 2 });
  const images = () => normal([5, 3 * T], 6);
  const predictImages = (x: NamedTensors) => model.predict(x, images());
  const imageLoss = (z: tf.Tensor) => softmaxCrossEntropy(oneHot(5, 2), z);

  beforeAll(() => useBackend('wasm', { threads: 1 }));
  afterAll(() => useBackend('cpu'));

  test('multiplies only the state step by step: 2 (T − 1) + 12 products for the Hessian', () => {
    const x = model.init(1);
    const H = hessian((x) => imageLoss(predictImages(x)), x);
    H.apply(x);
    const names = kernels(() => H.apply(x));
    // Besides ḣ W and ġ Wᵀ at each step: two for the inputs, four for W at all steps, six for V.
    expect(products(names)).toBe(2 * (T - 1) + 12);
    // A step is two products, one multiple forwards and two backwards.
    expect(names.length).toBeLessThanOrEqual(5 * T + 40);
    H.dispose();
  });

  test('multiplies only the state step by step: 2 (T − 1) + 8 products for Gauss–Newton', () => {
    const x = model.init(1);
    const G = gaussNewton({ predict: predictImages, loss: imageLoss }, x);
    G.apply(x);
    const names = kernels(() => G.apply(x));
    expect(products(names)).toBe(2 * (T - 1) + 8);
    expect(names.length).toBeLessThanOrEqual(4 * T + 30);
    G.dispose();
  });
});

test('a block costs only what it needs', () => {
  const x = parameters();
  const J = linearize(({ W2 }) => predict({ ...x, W2: W2! }), { W2: x.W2 });
  const v = { W2: x.W2 };
  const u = J.jvp(v);
  expect(products(kernels(() => J.jvp(v)))).toBe(1);
  expect(products(kernels(() => J.vjp(u)))).toBe(1);
  const whole = linearize(predict, x).among(['W2']);
  expect(products(kernels(() => whole.vjp(u)))).toBe(1);
});

test('a leaf ends a path, and what leads nowhere is not on one', () => {
  const x = tf.tensor1d([1, 2, 3]);
  const { result, tape } = record(() => {
    const middle = tf.exp(x);
    tf.sin(x);
    const y = tf.tanh(middle);
    return { middle, y };
  });
  const steps = (leaves: tf.Tensor[]) =>
    graph(tape.nodes, leaves, [result.y]).steps.map(({ node }) => node.kernelName);
  expect(steps([x])).toEqual(['Exp', 'Tanh']);
  expect(steps([result.middle])).toEqual(['Tanh']);
  expect(steps([x, result.middle])).toEqual(['Tanh']);
  tape.dispose();
});
