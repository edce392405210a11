import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { markOutput } from '../autodiff';
import { softmaxCrossEntropy, useBackend } from '../backends';
import { InputError } from '../errors';
import { random } from '../numbers';
import { cg, dense, woodbury } from '../solvers';
import { implicitAdam, implicitSGD } from '.';

beforeAll(async () => {
  await useBackend('wasm', { threads: 1 });
});
afterEach(() => tf.disposeVariables());

const numbers = (x: tf.Tensor) => [...x.dataSync()];
const COUNT = 12;
const x = () => tf.tensor2d([...random(1).normals(4 * COUNT)], [COUNT, 4]);
const y = () =>
  tf.oneHot(
    tf.tensor1d(
      Int32Array.from({ length: COUNT }, (_, i) => (i * i) % 3),
      'int32',
    ),
    3,
  );

/** A network with its loss on some rows. */
function network() {
  const W = tf.variable(tf.tensor2d([...random(2).normals(20)], [4, 5]), true, 'W');
  const V = tf.variable(tf.tensor2d([...random(3).normals(15)], [5, 3]), true, 'V');
  const [X, Y] = [x(), y()];
  let calls = 0;
  const on = (from: number, count: number) => () => {
    calls += 1;
    return tf.tidy(() => {
      const rows = (t: tf.Tensor) => tf.slice(t, [from, 0], [count, -1]) as tf.Tensor2D;
      const z = tf.matMul(tf.tanh(tf.matMul(rows(X), W as tf.Tensor2D)), V as tf.Tensor2D);
      return softmaxCrossEntropy(rows(Y), markOutput(z));
    });
  };
  const reached = () => [W, V].flatMap(numbers);
  return { on, reached, calls: () => calls, variables: [W, V] };
}

const close = (got: number[], expected: number[]) =>
  got.forEach((value, i) => {
    expect(value).toBeCloseTo(expected[i]!, 5);
  });

const optimizers = {
  'with the Hessian': () => implicitSGD(0.7, { solver: dense() }),
  'with Gauss–Newton': () =>
    implicitSGD(3, { curvature: 'gauss-newton', solver: cg({ tolerance: 1e-6 }) }),
  'with the factors of Gauss–Newton': () =>
    implicitSGD(3, { curvature: 'gauss-newton', solver: woodbury() }),
  'with g gᵀ': () => implicitSGD(3, { curvature: 'fisher-rank-one' }),
  'of a block': () => implicitSGD(0.7, { parameters: ['V'], solver: dense() }),
  'of a block, the rest frozen': () =>
    implicitSGD(0.7, { parameters: ['V'], others: 'frozen', solver: dense() }),
  'with clipped gradients': () => implicitSGD(3, { clipNorm: 0.1, solver: dense() }),
  exact: () => implicitSGD(3, { exact: true, solver: cg({ tolerance: 1e-6 }) }),
  'of Adam': () => implicitAdam(0.3, { curvature: 'gauss-newton', solver: dense() }),
};

describe.each(Object.entries(optimizers))('the step %s', (_, make) => {
  it.each([
    [
      'in equal parts',
      [
        [0, 4],
        [4, 4],
        [8, 4],
      ],
      undefined,
    ],
    [
      'in unequal parts',
      [
        [0, 2],
        [2, 7],
        [9, 3],
      ],
      [2, 7, 3],
    ],
  ] as const)('is that of the whole batch %s', async (_, parts, weights) => {
    const path = async (split: boolean, list: boolean) => {
      const { on, reached, variables } = network();
      const optimizer = make();
      for (let t = 0; t < 2; t++) {
        const losses = split ? parts.map(([from, count]) => on(from, count)) : on(0, COUNT);
        const options = split && weights ? { weights } : {};
        await optimizer.step(losses, list ? variables : undefined, options);
      }
      const ends = reached();
      optimizer.dispose();
      tf.disposeVariables();
      return ends;
    };
    const expected = await path(false, true);
    close(await path(true, true), expected);
    close(await path(true, false), expected);
    close(await path(false, false), expected);
  });
});

it('evaluates each loss once, tells of their mean, and leaves nothing behind', async () => {
  const { on, calls } = network();
  const optimizer = implicitSGD(0.5, { curvature: 'gauss-newton' });
  const losses = [on(0, 6), on(6, 6)];
  const mean = losses.reduce((sum, f) => sum + numbers(f())[0]! / 2, 0);
  const before = calls();
  const { loss } = await optimizer.step(losses);
  expect(calls() - before).toBe(2);
  expect(loss).toBeCloseTo(mean, 5);
  const { numTensors } = tf.memory();
  await optimizer.step([on(0, 6), on(6, 6)]);
  expect(tf.memory().numTensors).toBe(numTensors);
});

it('takes losses of different variables together', async () => {
  const a = tf.variable(tf.scalar(1), true, 'a');
  const b = tf.variable(tf.scalar(2), true, 'b');
  const [onA, both] = [
    () => tf.square(a) as tf.Scalar,
    () => tf.tidy(() => tf.add(tf.mul(a, b), tf.square(b)) as tf.Scalar),
  ];
  await implicitSGD(1, { solver: dense() }).step([onA, both]);
  // Mean ½(a² + ab + b²): g = ½(2 + 2, 1 + 4), H = ½[[2, 1], [1, 2]]; (I + H)⁻¹ = [[2, −½], [−½, 2]]/3.75.
  close([...numbers(a), ...numbers(b)], [1 - (4 - 1.25) / 3.75, 2 - (5 - 1) / 3.75]);
});

it('does not move anything where one of the losses fails', async () => {
  const { on, reached } = network();
  const before = reached();
  const optimizer = implicitAdam(0.1);
  await optimizer.step([on(0, 6), on(6, 6)]);
  const state = reached();
  expect(state).not.toEqual(before);
  const { numTensors } = tf.memory();
  const lost = () => {
    throw new Error('lost');
  };
  const alone = tf.tidy(() => tf.variable(tf.scalar(1), true, 'alone'));
  await expect(optimizer.step([on(0, 6), lost])).rejects.toThrow('lost');
  await expect(optimizer.step([on(0, 6)], [alone])).rejects.toThrow(InputError);
  expect(reached()).toEqual(state);
  expect(optimizer.iterations).toBe(1);
  alone.dispose();
  expect(tf.memory().numTensors).toBe(numTensors);
});

it.each([
  [[], {}],
  [[1], {}],
  [tf.square, { weights: [] }],
  [[tf.square, tf.square], { weights: [1] }],
  [[tf.square, tf.square], { weights: [1, 0] }],
  [[tf.square, tf.square], { weights: [1, Number.NaN] }],
  [tf.square, { weights: 1 }],
])('refuses %j with %j', async (losses, options) => {
  tf.variable(tf.scalar(1));
  for (const optimizer of [implicitSGD(1), implicitSGD(1, { exact: true }), implicitAdam(1)]) {
    await expect(optimizer.step(losses as never, undefined, options as never)).rejects.toThrow(
      InputError,
    );
  }
});
