import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { DisposedError, InputError, ShapeError } from '../errors';
import { random } from '../numbers';
import { cnn, evaluate, logistic, type Model, mlp, rnn } from '.';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const count = (params: Record<string, tf.Tensor>) =>
  Object.values(params).reduce((sum, { size }) => sum + size, 0);

const models: [Model, number][] = [
  [logistic(), 7850],
  [mlp({ sizes: [784, 64, 10] }), 50890],
  [mlp({ sizes: [784, 30, 20, 10], activation: 'tanh' }), 24380],
  [cnn({ filters: [4, 8] }), 104 + 808 + 3930],
  [rnn({ hidden: 32 }), 28 * 32 + 32 * 32 + 32 + 330],
];

describe.each(models)('$name', (model, parameters) => {
  it('has the parameters that its sizes say, the same for the same seed', () => {
    const [a, b, other] = [model.init(7), model.init(7), model.init(8)];
    expect(count(a)).toBe(parameters);
    for (const name of Object.keys(a)) expect(b[name]!.dataSync()).toEqual(a[name]!.dataSync());
    const first = Object.keys(a)[0]!;
    expect(other[first]!.dataSync()).not.toEqual(a[first]!.dataSync());
  });

  it('names the parameter, or the shape of inputs, that does not fit', () => {
    tf.tidy(() => {
      const params = model.init(1);
      const x = tf.zeros([2, 784]);
      const [first, second] = Object.keys(params) as [string, string];
      const { [first]: _, ...others } = params;
      expect(() => model.predict(others, x)).toThrow(InputError);
      expect(() => model.predict(others, x)).toThrow(`without '${first}'`);
      const exchanged = { ...params, [first]: params[second]! };
      expect(() => model.predict(exchanged, x)).toThrow(ShapeError);
      expect(() => model.predict(params, tf.zeros([2, 783]))).toThrow(/\[batch, 784\].*\[2,783\]/);
      expect(() => model.predict(params, tf.zeros([784]))).toThrow(ShapeError);
      expect(model.predict({ ...params, penalty: tf.scalar(1) }, x).shape).toEqual([2, 10]);
      expect(model.predict(params, tf.zeros([0, 784])).shape).toEqual([0, 10]);
      params[first]!.dispose();
      expect(() => model.predict(params, x)).toThrow(DisposedError);
    });
  });

  it('predicts ten logits an image, and leaves nothing behind', () => {
    const params = model.init(1);
    const x = tf.tensor2d(Float32Array.from(random(3).normals(3 * 784)), [3, 784]);
    const before = tf.memory().numTensors;
    const logits = model.predict(params, x);
    expect(logits.shape).toEqual([3, 10]);
    expect([...logits.dataSync()].every(Number.isFinite)).toBe(true);
    expect(tf.memory().numTensors).toBe(before + 1);
  });

  it('starts near the loss of a guess, ln 10', async () => {
    const x = tf.tensor2d(Float32Array.from(random(5).normals(20 * 784), Math.abs), [20, 784]);
    const y = tf.oneHot(
      tf.tensor1d(
        Int32Array.from({ length: 20 }, (_, i) => i % 10),
        'int32',
      ),
      10,
    );
    const { loss } = await evaluate(model, model.init(2), { x: tf.mul(x, 0.2), y });
    expect(Math.abs(loss - Math.log(10))).toBeLessThan(0.7);
  });
});

it('an mlp computes what its formula says', () => {
  const model = mlp({ sizes: [2, 2, 1] });
  const params = {
    W1: tf.tensor2d([1, -1, 2, 0.5], [2, 2]),
    b1: tf.tensor1d([0.5, -0.5]),
    W2: tf.tensor2d([2, -3], [2, 1]),
    b2: tf.tensor1d([0.25]),
  };
  const sigmoid = (z: number) => 1 / (1 + Math.exp(-z));
  const expected = 2 * sigmoid(1 + 4 + 0.5) - 3 * sigmoid(-1 + 1 - 0.5) + 0.25;
  expect(model.predict(params, tf.tensor2d([[1, 2]])).dataSync()[0]).toBeCloseTo(expected, 5);
});

it('an rnn carries what the first row held to the last step', () => {
  const model = rnn({ hidden: 8 });
  const params = model.init(4);
  const x = new Float32Array(784);
  const quiet = model.predict(params, tf.tensor2d(x, [1, 784])).dataSync();
  x[3] = 1;
  const heard = model.predict(params, tf.tensor2d(x, [1, 784])).dataSync();
  expect(heard).not.toEqual(quiet);
});

it('evaluate counts and averages as defined', async () => {
  const model: Model = { name: 'given', init: () => ({}), predict: (_, x) => x as tf.Tensor2D };
  const x = tf.tensor2d([
    [2, 0],
    [0, 1],
    [3, 0],
  ]);
  const y = tf.tensor2d([
    [1, 0],
    [1, 0],
    [1, 0],
  ]);
  const { loss, accuracy } = await evaluate(model, {}, { x, y });
  const nll = (mine: number, other: number) => Math.log(1 + Math.exp(other - mine));
  expect(accuracy).toBeCloseTo(2 / 3, 6);
  expect(loss).toBeCloseTo((nll(2, 0) + nll(0, 1) + nll(3, 0)) / 3, 6);
});

it('refuses sizes that make no network', () => {
  expect(() => mlp({ sizes: [784] })).toThrow(/two positive integers/);
  expect(() => mlp({ sizes: [784, 0, 10] })).toThrow(/784,0,10/);
});
