import * as tf from '@tensorflow/tfjs';
import { beforeAll, expect, test } from 'vitest';
import { ShapeError } from '../errors';
import { sigmoidCrossEntropy, softmaxCrossEntropy, useBackend } from '.';

beforeAll(() => useBackend('cpu'));

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
