import * as tf from '@tensorflow/tfjs';
import { beforeAll, expect, test } from 'vitest';
import { softmaxCrossEntropy, useBackend } from '../backends';
import type { NamedTensors } from '../spaces';
import { gaussNewton, hessian, linearize } from '.';
import { graph } from './graph';
import { engine, record } from './tape';
import { normal, oneHot } from './testing';

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

/** The kernels that f runs, by name. */
function kernels(f: () => void): string[] {
  const names: string[] = [];
  const e = engine();
  const { runKernel } = e;
  const own = Object.hasOwn(e, 'runKernel');
  e.runKernel = function (name, inputs, attrs) {
    names.push(name);
    return runKernel.call(this, name, inputs, attrs);
  };
  try {
    f();
  } finally {
    if (own) e.runKernel = runKernel;
    else delete (e as Partial<typeof e>).runKernel;
  }
  return names;
}

const products = (names: string[]) => names.filter((name) => name === 'BatchMatMul').length;

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

test('a block costs only what it needs', () => {
  const x = parameters();
  const J = linearize(({ W2 }) => predict({ ...x, W2: W2! }), { W2: x.W2 });
  const v = { W2: x.W2 };
  const u = J.jvp(v);
  expect(products(kernels(() => J.jvp(v)))).toBe(1);
  expect(products(kernels(() => J.vjp(u)))).toBe(1);
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
