import * as tf from '@tensorflow/tfjs';
import { InputError, implicitSGD, mlp, random } from 'implicit-lab';
import { beforeAll, describe, expect, it } from 'vitest';
import { exampleBatches } from '../transfer';
import { bestRate, endLoss, processorSeconds, rateGrid, spreadOf, trainingCourse } from '.';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

describe('a grid of rates', () => {
  it('has both ends, and is never more than √10 apart but for rounding', () => {
    const rates = rateGrid(0.01, 1000);
    expect(rates).toEqual([0.01, 0.032, 0.1, 0.32, 1, 3.2, 10, 32, 100, 320, 1000]);
    for (let i = 1; i < rates.length; i++) expect(rates[i]! / rates[i - 1]!).toBeLessThan(3.21);
    expect(rateGrid(3, 3)).toEqual([3.2]);
  });

  it.each([
    [0, 1],
    [1, 0.1],
    [Number.NaN, 1],
    [1, Number.POSITIVE_INFINITY],
  ])('refuses %d to %d', (from, to) => {
    expect(() => rateGrid(from, to)).toThrow(InputError);
  });
});

describe('a spread', () => {
  it('is least, median and largest, with a diverged run above all', () => {
    expect(spreadOf([3, 1, 2])).toEqual({ low: 1, middle: 2, high: 3 });
    expect(spreadOf([2, Number.NaN, 1])).toEqual({ low: 1, middle: 2, high: Infinity });
    expect(spreadOf([1, 2])).toEqual({ low: 1, middle: 1, high: 2 });
    expect(() => spreadOf([])).toThrow(InputError);
  });

  it('chooses the rate by the median, and says whether the grid goes on at both sides', () => {
    const scores = [[5, 5, 5], [1, 9, 9], [3, 2, 4], [8]];
    expect(bestRate([1, 2, 3, 4], scores)).toEqual({ rate: 3, at: 2, interior: true });
    expect(bestRate([1, 2], [[1], [2]])).toEqual({ rate: 1, at: 0, interior: false });
    expect(bestRate([1, 2], [[2], [1]]).interior).toBe(false);
    expect(() => bestRate([1], [])).toThrow(InputError);
  });
});

describe('the clock', () => {
  it('counts work, and does not go back', () => {
    const began = processorSeconds();
    let sum = 0;
    for (let i = 0; i < 3e7; i++) sum += Math.sqrt(i);
    expect(sum).toBeGreaterThan(0);
    expect(processorSeconds()).toBeGreaterThan(began);
  });
});

describe('a training course', () => {
  const model = mlp({ sizes: [3, 4, 2], activation: 'tanh' });
  const examples = () => {
    const draws = random(4);
    const x = tf.tensor2d(Float32Array.from(draws.normals(60)), [20, 3]);
    const y = tf.tidy(() => {
      const labels = tf.cast(tf.greater(tf.slice(x, [0, 0], [20, 1]), 0), 'int32');
      return tf.cast(tf.oneHot(tf.reshape(labels, [20]), 2), 'float32') as tf.Tensor2D;
    });
    return { x, y };
  };
  const of = (make: () => tf.Optimizer, budget: object, looks = 1) => {
    const data = examples();
    const epoch = (seed: number) => exampleBatches(data, { size: 5, seed });
    const run = trainingCourse({ model, seed: 1, make, epoch, budget, looks, judges: { data } });
    return run.finally(() => tf.dispose([data.x, data.y]));
  };

  it('ends with its budget in steps, looks evenly and leaves nothing behind', async () => {
    const before = tf.memory().numTensors;
    const { looks, diverged } = await of(() => tf.train.sgd(0.5), { steps: 10 }, 5);
    expect(diverged).toBe(false);
    expect(looks.map(({ steps }) => steps)).toEqual([2, 4, 6, 8, 10]);
    expect(looks.map(({ work }) => work)).toEqual([10, 20, 30, 40, 50]);
    expect(looks[4]!.examples).toBe(50);
    expect(looks[4]!.scores.data!.loss).toBeLessThan(looks[0]!.scores.data!.loss);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('charges an implicit step its products, and an exact one its gradients as well', async () => {
    const curvature = 'gauss-newton';
    const linearised = await of(() => implicitSGD(1, { curvature }), { steps: 1 });
    const exact = await of(() => implicitSGD(1, { curvature, exact: true }), { steps: 1 });
    const [one, all] = [linearised.looks[0]!.work / 5, exact.looks[0]!.work / 5];
    expect(one).toBeGreaterThan(2);
    expect(Number.isInteger(one)).toBe(true);
    expect(all).toBeGreaterThan(one + 1);
  });

  it('ends at the first step that is over the budget of work', async () => {
    const { looks } = await of(() => implicitSGD(1, { curvature: 'gauss-newton' }), { work: 100 });
    expect(looks).toHaveLength(1);
    expect(looks[0]!.work).toBeGreaterThanOrEqual(100);
    expect(looks[0]!.work).toBeLessThan(100 + 5 * 13);
  });

  it('says that a run diverged, and keeps what it showed before', async () => {
    const { looks, diverged } = await of(() => tf.train.momentum(1e38, 0.9), { steps: 40 }, 40);
    expect(diverged).toBe(true);
    for (const { scores } of looks) expect(Number.isFinite(scores.data!.loss)).toBe(true);
    expect(endLoss({ looks, diverged }, 'data')).toBeNaN();
  });

  it('ends with the loss of its last look', async () => {
    const course = await of(() => tf.train.sgd(0.5), { steps: 4 }, 2);
    expect(endLoss(course, 'data')).toBe(course.looks[1]!.scores.data!.loss);
    expect(endLoss(course, 'another')).toBeNaN();
    expect(endLoss({ looks: [], diverged: false }, 'data')).toBeNaN();
  });
});
