import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { InputError } from '../errors';
import {
  cosine,
  drops,
  ImplicitSGD,
  implicitAdam,
  implicitSGD,
  inverseTime,
  type Schedule,
  warmUp,
} from '.';
import { factorAt } from './schedule';

beforeAll(async () => {
  await tf.setBackend('cpu');
});
afterEach(() => tf.disposeVariables());

const numbers = (x: tf.Tensor) => [...x.dataSync()];
const factors = (schedule: Schedule, steps: number) =>
  Array.from({ length: steps }, (_, t) => factorAt(schedule, t));

/** The step sizes of an optimizer on a loss without curvature. */
async function sizes(optimizer: ReturnType<typeof implicitSGD>, steps: number) {
  const x = tf.variable(tf.scalar(0));
  const taken: number[] = [];
  for (let t = 0; t < steps; t++) {
    taken.push((await optimizer.step(() => tf.mul(1, x) as tf.Scalar, [x])).stepSize);
  }
  expect(numbers(x)[0]).toBeCloseTo(-taken.reduce((sum, size) => sum + size, 0), 5);
  return taken;
}

describe('schedules', () => {
  it('cosine falls from 1 to its floor, and stays there', () => {
    expect(factors(cosine(4), 6).map((f) => f.toFixed(4))).toEqual(
      [1, (1 + Math.SQRT1_2) / 2, 0.5, (1 - Math.SQRT1_2) / 2, 0, 0].map((f) => f.toFixed(4)),
    );
    expect(factorAt(cosine(10, 0.2), 5)).toBeCloseTo(0.6, 12);
    expect(factorAt(cosine(10, 0.2), 99)).toBe(0.2);
  });

  it('warm-up rises to 1, and hands over to what comes next', () => {
    expect(factors(warmUp(4), 6)).toEqual([0.25, 0.5, 0.75, 1, 1, 1]);
    expect(factors(warmUp(2, drops([1, 3])), 6)).toEqual([0.5, 1, 1, 0.5, 0.5, 0.25]);
    const both = factors(warmUp(2, cosine(4)), 8);
    expect(both.slice(2)).toEqual(factors(cosine(4), 6));
    expect(factors(warmUp(1, warmUp(2, inverseTime(1))), 5)).toEqual([1, 0.5, 1, 1, 0.5]);
  });

  it.each([
    () => cosine(0),
    () => cosine(2.5),
    () => cosine(10, -0.1),
    () => cosine(10, 2),
    () => warmUp(-1),
    () => warmUp(3, 5 as never),
    () => warmUp(3, { name: 'drop' } as never),
    () => drops(3 as never),
  ])('refuse what cannot be: %s', (make) => {
    expect(make).toThrow(InputError);
  });
});

describe('rates', () => {
  it('are functions of the step, of all steps so far', async () => {
    expect(
      await sizes(
        implicitSGD((t) => 1 / (1 + t)),
        4,
      ),
    ).toEqual([1, 1 / 2, 1 / 3, 1 / 4]);
    const both = implicitSGD((t) => 2 ** t, { schedule: (t) => 1 / (1 + t) });
    expect(await sizes(both, 3)).toEqual([1, 1, 4 / 3]);
    expect(both.learningRate).toBe(8);
  });

  it('move Adam too', () => {
    const x = tf.variable(tf.scalar(0));
    const optimizer = implicitAdam((t) => (t === 0 ? 1 : 0.25));
    for (let t = 0; t < 2; t++) optimizer.minimize(() => tf.mul(2, x) as tf.Scalar, false, [x]);
    expect(numbers(x)[0]).toBeCloseTo(-1.25, 4);
  });

  it('may be 0 by a schedule, and nothing moves then', async () => {
    for (const exact of [false, true]) {
      const x = tf.variable(tf.scalar(3));
      const optimizer = implicitSGD(1, { schedule: cosine(1), exact });
      const loss = () => tf.square(x) as tf.Scalar;
      await optimizer.step(loss, [x]);
      const reached = numbers(x);
      const { status, loss: value } = await optimizer.step(loss, [x]);
      expect(status).toBe('converged');
      expect(value).toBeCloseTo(reached[0]! ** 2, 5);
      expect(numbers(x)).toEqual(reached);
    }
  });

  it.each([
    [implicitSGD(() => Number.NaN), /NaN at step 0/],
    [implicitSGD(() => -1), /-1 at step 0/],
    [implicitSGD((() => '1') as never), /at step 0/],
    [implicitSGD(1, { schedule: () => -1 }), /factor is -1/],
  ])('that are none are refused, the loss unasked', (optimizer, message) => {
    const x = tf.variable(tf.scalar(3));
    let calls = 0;
    const loss = () => {
      calls += 1;
      return tf.square(x) as tf.Scalar;
    };
    expect(() => optimizer.minimize(loss, false, [x])).toThrow(message);
    expect(calls).toBe(0);
  });

  it('go on where they were once saved and restored', async () => {
    const schedule = warmUp(3, cosine(6, 0.1));
    const whole = await sizes(implicitSGD(2, { schedule }), 9);
    const first = implicitSGD(2, { schedule });
    const start = await sizes(first, 4);
    const config = JSON.parse(JSON.stringify(first.getConfig()));
    const second = ImplicitSGD.fromConfig<ImplicitSGD>(ImplicitSGD, config);
    await second.setWeights(await first.getWeights());
    expect([...start, ...(await sizes(second, 5))]).toEqual(whole);
  });

  it('that are functions go on with the count, and are not written to a file', async () => {
    const rate = (t: number) => 1 / (1 + t);
    const first = implicitSGD(rate);
    await sizes(first, 2);
    const second = implicitSGD(rate);
    await second.setWeights(await first.getWeights());
    expect(await sizes(second, 1)).toEqual([1 / 3]);
    expect(() => first.getConfig()).toThrow(/learning rate that is a function/);
    expect(() => implicitSGD(1, { schedule: rate }).getConfig()).toThrow(InputError);
  });
});
