import * as tf from '@tensorflow/tfjs';
import { beforeAll, expect, it } from 'vitest';
import { InputError } from '../errors';
import { bilevel, hypergradient, implicit } from '../hypergradients';
import { gradientDescent } from '../methods';
import type { LossProblem } from '../problems';
import { unrolled } from '../unrolling';
import { markAuxiliary, valueAndGradient } from '.';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const w = { w: tf.tensor1d([1, -2]) };
const λ = { l: tf.tensor1d([0.5, 1]) };
let evaluations = 0;
const problem: LossProblem = {
  inner: ({ w }, { l }) => tf.sum(tf.square(tf.sub(w!, l!))) as tf.Scalar,
  outer({ w }) {
    evaluations++;
    return tf.tidy(() => {
      const positive = tf.cast(tf.greater(w!, 0), 'float32');
      markAuxiliary({ accuracy: tf.mean(positive), positive });
      return tf.sum(tf.square(w!)) as tf.Scalar;
    });
  },
};

it('comes with the value and the gradient, from one evaluation, and belongs to the caller', () => {
  const before = tf.memory().numTensors;
  evaluations = 0;
  const { auxiliary, ...rest } = valueAndGradient((x) => problem.outer(x, λ), w);
  expect(evaluations).toBe(1);
  expect(auxiliary!.accuracy!.dataSync()[0]).toBe(0.5);
  expect([...auxiliary!.positive!.dataSync()]).toEqual([1, 0]);
  expect([...rest.gradient.w!.dataSync()]).toEqual([2, -4]);
  tf.dispose([auxiliary!, { ...rest }]);
  expect(tf.memory().numTensors).toBe(before);
  tf.dispose(tf.tidy(() => valueAndGradient((x) => problem.outer(x, λ), w).value));
  tf.dispose(tf.tidy(() => problem.outer(w, λ)));
  expect(tf.memory().numTensors).toBe(before);
});

it('leaves nothing where the loss fails after it', () => {
  const before = tf.memory().numTensors;
  const loss = () => {
    markAuxiliary({ a: tf.scalar(1) });
    throw new Error('late');
  };
  expect(() => valueAndGradient(loss, w)).toThrow('late');
  expect(() => markAuxiliary({ a: 3 as never })).toThrow(InputError);
  expect(tf.memory().numTensors).toBe(before);
  expect(valueAndGradient((x) => tf.sum(x.w!), w).auxiliary).toBeUndefined();
});

it.each([
  ['implicit', implicit()],
  ['unrolled', unrolled({ method: gradientDescent(0.1), steps: 3 })],
  ['unrolled forwards', unrolled({ method: gradientDescent(0.1), steps: 3, mode: 'forward' })],
])('comes with a hypergradient: %s', async (_, how) => {
  const before = tf.memory().numTensors;
  const { stats, ...result } = await hypergradient(problem, w, λ, how);
  expect(result.auxiliary!.accuracy!.dataSync()[0]).toBe(0.5);
  tf.dispose(result);
  expect(tf.memory().numTensors).toBe(before);
});

it('comes with every step of a run, as numbers', async () => {
  const run = bilevel(problem, {
    ...{ w, λ, how: implicit(), steps: 2 },
    inner: { optimizer: gradientDescent(0.4), steps: 5 },
    outer: { optimizer: gradientDescent(0.1) },
  });
  const before = tf.memory().numTensors;
  const seen: unknown[] = [];
  for await (const { auxiliary } of run) seen.push(auxiliary);
  expect(seen).toEqual([
    { accuracy: 1, positive: [1, 1] },
    { accuracy: 1, positive: [1, 1] },
  ]);
  // The adjoint, and what the two methods remember.
  expect(tf.memory().numTensors).toBe(before + 3);
  run.dispose();
});
