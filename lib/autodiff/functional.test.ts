import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, test } from 'vitest';
import { useBackend } from '../backends';
import { InputError, ShapeError, UnsupportedError } from '../errors';
import type { NamedTensors } from '../spaces';
import { functional, gaussNewton, hessian, linearize, valueAndGradient } from '.';
import {
  crossEntropy,
  differenceError,
  direction,
  dot,
  normal,
  numbers,
  oneHot,
  relativeError,
} from './testing';

const seed = 5;
const uniform = () => tf.initializers.glorotUniform({ seed });

/** Layers models with the shape of one input and their number of classes. */
const models: [string, number[], () => tf.LayersModel][] = [
  [
    'dense layers',
    [4],
    () =>
      tf.sequential({
        layers: [
          tf.layers.dense({
            units: 5,
            activation: 'tanh',
            inputShape: [4],
            kernelInitializer: uniform(),
          }),
          tf.layers.dense({ units: 3, kernelInitializer: uniform() }),
        ],
      }),
  ],
  [
    'convolutions with batch normalization and dropout',
    [6, 6, 2],
    () =>
      tf.sequential({
        layers: [
          tf.layers.conv2d({
            filters: 3,
            kernelSize: 3,
            inputShape: [6, 6, 2],
            kernelInitializer: uniform(),
          }),
          tf.layers.batchNormalization(),
          tf.layers.activation({ activation: 'softplus' }),
          tf.layers.averagePooling2d({ poolSize: 2 }),
          tf.layers.flatten(),
          tf.layers.dropout({ rate: 0.5, seed }),
          tf.layers.dense({ units: 3, kernelInitializer: uniform() }),
        ],
      }),
  ],
  [
    'an LSTM',
    [5, 2],
    () =>
      tf.sequential({
        layers: [
          tf.layers.lstm({
            units: 4,
            inputShape: [5, 2],
            recurrentActivation: 'sigmoid',
            kernelInitializer: uniform(),
            recurrentInitializer: uniform(),
          }),
          tf.layers.dense({ units: 3, kernelInitializer: uniform() }),
        ],
      }),
  ],
];

describe.each(['cpu', 'wasm'] as const)('on %s', (backend) => {
  beforeAll(async () => {
    await useBackend(backend, { threads: 1 });
  });

  describe.each(models)('%s', (_, shape, build) => {
    const examples = 6;
    const setUp = (training: boolean) => {
      const model = build();
      const { params, apply } = functional(model);
      const input = normal([examples, ...shape], 1);
      const predict = (p: NamedTensors) => apply(p, input, { training });
      const loss = crossEntropy(oneHot(examples, 3));
      return { model, params, predict, loss, input, v: direction(params, 2) };
    };

    test('its own weights give its own output', () => {
      const { model, params, predict, input } = setUp(false);
      expect(relativeError(predict(params), model.predict(input) as tf.Tensor)).toBeLessThan(1e-6);
      model.dispose();
    });

    test.each([false, true])('the products are slopes, training: %s', (training) => {
      const { params, predict, loss, v } = setUp(training);
      const whole = (p: NamedTensors) => loss(predict(p));
      const gradient = (p: NamedTensors) => valueAndGradient(whole, p).gradient;
      const H = hessian(whole, params);
      expect(differenceError(H.apply(v), gradient, params, v)).toBeLessThan(5e-3);
      const J = linearize(predict, params);
      expect(differenceError(J.jvp(v), predict, params, v)).toBeLessThan(2e-3);
      const G = gaussNewton({ predict, loss }, params);
      expect(relativeError(G.gradient, H.gradient)).toBeLessThan(1e-4);
      expect(dot(numbers(v), numbers(G.apply(v)))).toBeGreaterThan(0);
      for (const owner of [H, J, G]) owner.dispose();
    });

    test('applying it changes neither the model nor the memory', () => {
      const { model, params, predict, v } = setUp(true);
      const weights = model.getWeights().map((weight) => numbers(weight));
      predict(v).dispose();
      const before = tf.memory().numTensors;
      for (let i = 0; i < 5; i++) predict(v).dispose();
      expect(tf.memory().numTensors).toBe(before);
      expect(model.getWeights().map((weight) => numbers(weight))).toEqual(weights);
      expect(() => predict({ ...params, nonsense: tf.ones([1]) })).toThrow(InputError);
      const [first] = Object.keys(params);
      expect(() => predict({ ...params, [first!]: tf.ones([1]) })).toThrow(ShapeError);
      expect(model.getWeights().map((weight) => numbers(weight))).toEqual(weights);
    });
  });
});

test('a model still trains, and updates its moving averages, after it was applied', async () => {
  const model = tf.sequential({
    layers: [tf.layers.batchNormalization({ inputShape: [2] }), tf.layers.dense({ units: 1 })],
  });
  const { params, apply } = functional(model);
  const input = normal([8, 2], 1);
  apply(params, input, { training: true });
  const before = model.getWeights().map((weight) => numbers(weight));
  model.compile({ optimizer: 'sgd', loss: 'meanSquaredError' });
  await model.fit(input, tf.ones([8, 1]), { epochs: 1, verbose: 0 });
  model.getWeights().forEach((weight, i) => {
    expect(numbers(weight)).not.toEqual(before[i]);
  });
});

test('a model with several outputs gives them all, to be differentiated', async () => {
  const input = tf.input({ shape: [4] });
  const shared = tf.layers
    .dense({ units: 3, activation: 'tanh', kernelInitializer: uniform() })
    .apply(input) as tf.SymbolicTensor;
  const outputs = [1, 2].map(
    (units) =>
      tf.layers.dense({ units, kernelInitializer: uniform() }).apply(shared) as tf.SymbolicTensor,
  );
  const layers = tf.model({ inputs: input, outputs });
  const model = functional(layers);
  const x = normal([5, 4], 1);
  const own = layers.predict(x) as tf.Tensor[];
  const all = model.applyAll(model.params, x);
  expect(all.map(numbers)).toEqual(own.map(numbers));
  expect(() => model.apply(model.params, x)).toThrow(UnsupportedError);
  const loss = (params: NamedTensors) => {
    const [a, b] = model.applyAll(params, x);
    return tf.add(tf.sum(tf.square(a!)), tf.sum(tf.pow(b!, 4))) as tf.Scalar;
  };
  const v = direction(model.params, 2);
  const { gradient } = valueAndGradient(loss, model.params);
  const slope = tf.scalar(dot(numbers(gradient), numbers(v)));
  expect(differenceError(slope, loss, model.params, v)).toBeLessThan(5e-3);
});

test('a text for training is refused, which would count as true', () => {
  const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [2] })] });
  const { params, apply } = functional(model);
  const training = 'no' as never;
  expect(() => apply(params, tf.ones([1, 2]), { training })).toThrow(InputError);
  model.dispose();
});

test('layers with a state are refused', () => {
  const stateful = tf.sequential({
    layers: [tf.layers.lstm({ units: 2, stateful: true, batchInputShape: [1, 3, 2] })],
  });
  expect(() => functional(stateful)).toThrow(/stateful/);
});

test('a model whose layers are all frozen is a function of its inputs alone', () => {
  const layers = tf.sequential({
    layers: [tf.layers.dense({ units: 2, inputShape: [3], trainable: false })],
  });
  const model = functional(layers);
  const x = normal([2, 3], 1);
  expect(model.params).toEqual({});
  expect(numbers(model.apply(model.params, x))).toEqual(numbers(layers.predict(x) as tf.Tensor));
  expect(() => model.apply({ kernel: x }, x)).toThrow(/'kernel'/);
});
