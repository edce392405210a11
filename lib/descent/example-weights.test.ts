import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { markOutput } from '../autodiff';
import {
  sigmoidCrossEntropies,
  sigmoidCrossEntropy,
  softmaxCrossEntropies,
  softmaxCrossEntropy,
  useBackend,
} from '../backends';
import { ShapeError } from '../errors';
import { sampleWeights } from '../hypergradients';
import { dense } from '../solvers';
import { implicitAdam, implicitSGD, withOutput } from '.';

beforeAll(async () => {
  await useBackend('wasm', { threads: 1 });
});
afterEach(() => tf.disposeVariables());

const numbers = (x: tf.Tensor) => [...x.dataSync()];
type Loss = (y: tf.Tensor, z: tf.Tensor) => tf.Tensor;

/** Four examples of two classes: as many as outputs squared, so that wrong axes would fit. */
const X = () =>
  tf.tensor2d([
    [1, 0],
    [0, 1],
    [1, 1],
    [-1, 0.5],
  ]);
const classes = [0, 1, 1, 0];
const Y = () => tf.oneHot(tf.tensor1d(classes, 'int32'), 2).toFloat();
const classWeight = { 0: 1, 1: 10 };
const weights = () => tf.tensor1d(classes.map((c) => [1, 10][c]!));
const start = [0.2, -0.3, 0.1, 0.4];

/** Losses of whatever shape, each with its losses of the examples. */
const losses: Record<string, [Loss, Loss]> = {
  'one number, softmaxCrossEntropy': [softmaxCrossEntropy, softmaxCrossEntropies],
  'one number, sigmoidCrossEntropy': [
    sigmoidCrossEntropy,
    (y, z) => tf.mean(sigmoidCrossEntropies(y, z), 1),
  ],
  '[batch]': [softmaxCrossEntropies, softmaxCrossEntropies],
  '[batch, 1]': [(y, z) => tf.expandDims(softmaxCrossEntropies(y, z), 1), softmaxCrossEntropies],
  '[batch, 1, 1]': [
    (y, z) => tf.reshape(softmaxCrossEntropies(y, z), [-1, 1, 1]),
    softmaxCrossEntropies,
  ],
  '[batch, outputs]': [
    (y, z) => tf.squaredDifference(z, y),
    (y, z) => tf.mean(tf.squaredDifference(z, y), 1),
  ],
  '[batch, batch]': [
    (y, z) => tf.tile(tf.squaredDifference(z, y), [1, 2]),
    (y, z) => tf.mean(tf.squaredDifference(z, y), 1),
  ],
};

const model = () =>
  tf.sequential({
    layers: [tf.layers.dense({ units: 2, inputShape: [2], useBias: false })],
  });

async function fitted(optimizer: tf.Optimizer, loss: Loss, how: 'fit' | 'fitDataset' = 'fit') {
  const m = model();
  m.setWeights([tf.tensor2d(start, [2, 2])]);
  m.compile({ optimizer, loss });
  const args = { epochs: 1, shuffle: false, verbose: 0, classWeight } as const;
  if (how === 'fit') await m.fit(X(), Y(), { ...args, batchSize: 4 });
  else await m.fitDataset(tf.data.array([{ xs: X(), ys: Y() }]), args);
  return numbers(m.getWeights()[0]!);
}

/** The same step on the weighted mean, written out. */
function stepped(optimizer: tf.Optimizer, each: Loss, curvature: string) {
  const W = tf.variable(tf.tensor2d(start, [2, 2]));
  const mark = curvature === 'gauss-newton' ? markOutput : <T>(z: T) => z;
  const loss = () =>
    tf.tidy(() => {
      const z = mark(tf.matMul(X(), W as tf.Tensor2D));
      return tf.mean(tf.mul(weights(), each(Y(), z))) as tf.Scalar;
    });
  optimizer.minimize(loss, false, [W]);
  return numbers(W);
}

describe.each(Object.entries(losses))('a classWeight with a loss of %s', (_, [loss, each]) => {
  it.each([
    ['hessian', implicitSGD],
    ['gauss-newton', implicitSGD],
    ['fisher-rank-one', implicitSGD],
    ['gauss-newton', implicitAdam],
    ['tf.train.sgd', () => tf.train.sgd(1)],
  ] as const)('weighs the losses of the examples: %s', async (curvature, make) => {
    const optimizer = () => make(1, { curvature, solver: dense() } as object);
    const expected = stepped(optimizer(), each, curvature);
    const forms = curvature === 'gauss-newton' ? [withOutput(loss)] : [loss, withOutput(loss)];
    for (const form of forms) {
      const got = await fitted(optimizer(), form);
      got.forEach((value, i) => {
        expect(value).toBeCloseTo(expected[i]!, 5);
      });
      expect(Math.max(...got.map((value, i) => Math.abs(value - start[i]!)))).toBeGreaterThan(0.05);
    }
  });
});

it('counts in fitDataset, too', async () => {
  const optimizer = () => implicitSGD(1, { curvature: 'gauss-newton', solver: dense() });
  const loss = withOutput(softmaxCrossEntropy);
  expect(await fitted(optimizer(), loss, 'fitDataset')).toEqual(await fitted(optimizer(), loss));
});

it.each<[string, Loss]>([
  ['one number of its own', (y, z) => tf.mean(tf.squaredDifference(z, y))],
  ['its examples last', (y, z) => tf.transpose(tf.tile(tf.squaredDifference(z, y), [1, 3]))],
])('a loss with %s is refused, with what to take instead', async (_, loss) => {
  for (const form of [loss, withOutput(loss)]) {
    const fit = fitted(implicitSGD(1), form);
    await expect(fit).rejects.toThrow(ShapeError);
    await expect(fitted(implicitSGD(1), form)).rejects.toThrow(/softmaxCrossEntropies/);
  }
});

it('without weights a loss is what it was', async () => {
  const m = model();
  m.compile({ optimizer: implicitSGD(0.1), loss: withOutput(softmaxCrossEntropy) });
  const before = m.evaluate(X(), Y()) as tf.Scalar;
  const { history } = await m.fit(X(), Y(), { epochs: 1, batchSize: 4, verbose: 0 });
  expect(history.loss![0]).toBeCloseTo(numbers(before)[0]!, 6);
  const loss = withOutput(softmaxCrossEntropy)(Y(), X());
  expect(loss.shape).toEqual([]);
});

it('a model of two outputs has a weight for each', async () => {
  const input = tf.input({ shape: [2] });
  const head = (name: string) =>
    tf.layers
      .dense({ units: 2, name, kernelInitializer: 'zeros', useBias: false })
      .apply(input) as tf.SymbolicTensor;
  const two = tf.model({ inputs: input, outputs: [head('one'), head('two')] });
  two.compile({
    optimizer: tf.train.sgd(1),
    loss: [softmaxCrossEntropy, (y: tf.Tensor, z: tf.Tensor) => tf.squaredDifference(z, y)],
  });
  const args = { epochs: 1, batchSize: 4, shuffle: false, verbose: 0 } as const;
  await two.fit(X(), [Y(), Y()], { ...args, classWeight: [classWeight, { 0: 3, 1: 1 }] });
  const slope = (each: Loss, w: number[]) =>
    numbers(
      tf.grad((W: tf.Tensor) =>
        tf.mean(tf.mul(tf.tensor1d(w), each(Y(), tf.matMul(X(), W as tf.Tensor2D)))),
      )(tf.zeros([2, 2])),
    );
  const expected = [
    slope(softmaxCrossEntropies, [1, 10, 10, 1]),
    slope(losses['[batch, outputs]']![1], [3, 1, 1, 3]),
  ];
  two.getWeights().forEach((W, i) => {
    numbers(W).forEach((value, j) => {
      expect(value).toBeCloseTo(-expected[i]![j]!, 5);
    });
  });
});

describe('sampleWeights()', () => {
  const kind = sampleWeights({ count: 4 });
  const λ = () => ({ logits: tf.tensor1d([0, 1, 2, -1]) });
  const value = (f: Loss, batch: { index?: tf.Tensor1D }) =>
    numbers(kind.loss((w) => f(Y(), w.z!) as tf.Tensor1D, { z: X() }, λ(), batch as never))[0]!;

  it.each(Object.entries(losses).filter(([name]) => !name.startsWith('one')))(
    'weigh the losses of the examples where they are of shape %s',
    (_, [loss, each]) => {
      const plain = tf.mean(tf.mul(tf.mul(2, tf.sigmoid(λ().logits)), each(Y(), X())));
      expect(value(loss, {})).toBeCloseTo(numbers(plain)[0]!, 5);
    },
  );

  it('refuse a loss that is one number', () => {
    expect(() => value(softmaxCrossEntropy, {})).toThrow(ShapeError);
  });
});
