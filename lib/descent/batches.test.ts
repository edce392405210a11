import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { leaveOutOfQuickRun, needs } from '../../test/needs';
import { markOutput } from '../autodiff';
import { softmaxCrossEntropy, useBackend } from '../backends';
import { InputError } from '../errors';
import { random } from '../numbers';
import { cg, dense, woodbury } from '../solvers';
import { implicitAdam, implicitSGD } from '.';

leaveOutOfQuickRun();

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

const equal = [
  'in equal parts',
  [
    [0, 4],
    [4, 4],
    [8, 4],
  ],
  undefined,
] as const;
const unequal = [
  'in unequal parts',
  [
    [0, 2],
    [2, 7],
    [9, 3],
  ],
  [2, 7, 3],
] as const;
/** The weights of parts enter by the two curvatures, whatever solves with them; with `FULL=1` all are tried. */
const weighted = ['with the Hessian', 'with Gauss–Newton', 'with g gᵀ'];
const full = needs('full').available;

describe.each(Object.entries(optimizers))('the step %s', (name, make) => {
  const ways = full || weighted.includes(name) ? [equal, unequal] : [equal];
  it.each(ways)('is that of the whole batch %s', async (_, parts, weights) => {
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

it('tells of the mean of the losses, and leaves nothing behind', async () => {
  const { on } = network();
  const optimizer = implicitSGD(0.5, { curvature: 'gauss-newton' });
  const losses = [on(0, 6), on(6, 6)];
  const mean = losses.reduce((sum, f) => sum + numbers(f())[0]! / 2, 0);
  const { loss } = await optimizer.step(losses);
  expect(loss).toBeCloseTo(mean, 5);
  for (const tapes of ['one', 'all'] as const) {
    const { numTensors } = tf.memory();
    await optimizer.step([on(0, 6), on(6, 6)], undefined, { tapes });
    expect(tf.memory().numTensors).toBe(numTensors);
  }
});

it("evaluates each loss for its gradient and each product, or once with tapes: 'all'", async () => {
  const { on, calls } = network();
  const optimizer = implicitSGD(0.5, { solver: cg({ tolerance: 1e-3 }) });
  const { products } = await optimizer.step([on(0, 6), on(6, 6)]);
  expect(products).toBeGreaterThan(1);
  expect(calls()).toBe(2 + 2 * products);
  await optimizer.step([on(0, 6), on(6, 6)], undefined, { tapes: 'all' });
  expect(calls()).toBe(4 + 2 * products);
});

describe('the memory of one batch', () => {
  const w = () => tf.variable(tf.ones([20, 5]), true, 'w');
  /** How many bytes and tensors are held where losses are about to be evaluated, at most. */
  async function held(count: number, tapes: 'one' | 'all', curvature: 'hessian' | 'gauss-newton') {
    const W = w();
    const data = tf.randomNormal([200, 20], 0, 1, 'float32', 1) as tf.Tensor2D;
    const before = tf.memory();
    const most = { bytes: 0, tensors: 0 };
    const loss = () => {
      const now = tf.memory();
      most.bytes = Math.max(most.bytes, now.numBytes - before.numBytes);
      most.tensors = Math.max(most.tensors, now.numTensors - before.numTensors);
      return tf.tidy(() => {
        const z = markOutput(tf.tanh(tf.matMul(data, W as tf.Tensor2D)));
        return tf.mean(tf.square(tf.sub(tf.sigmoid(z), 0.3))) as tf.Scalar;
      });
    };
    const optimizer = implicitSGD(0.1, { curvature, solver: cg({ maxIterations: 3 }) });
    const losses = Array.from({ length: count }, () => loss);
    await optimizer.step(losses, undefined, { tapes });
    optimizer.dispose();
    tf.dispose(data);
    W.dispose();
    return most;
  }

  it.each(['hessian', 'gauss-newton'] as const)('is held at a time: %s', async (curvature) => {
    const [two, eight] = [await held(2, 'one', curvature), await held(8, 'one', curvature)];
    // The value of each loss is all that is added.
    expect(eight.bytes - two.bytes).toBeLessThanOrEqual(6 * 4);
    expect(eight.tensors - two.tensors).toBeLessThanOrEqual(6);
    const all = await held(8, 'all', curvature);
    expect(all.bytes).toBeGreaterThan(3 * eight.bytes);
  });
});

it('evaluates again where the step began, and undoes what a loss itself assigns', async () => {
  const path = async (tapes: 'one' | 'all', exact: boolean) => {
    const { on, reached } = network();
    const count = tf.variable(tf.scalar(0), false, 'count');
    const losses = [on(0, 6), on(6, 6)].map((f) => () => {
      count.assign(tf.add(count, 1));
      return f();
    });
    const solver = cg({ tolerance: 1e-6 });
    const optimizer = implicitSGD(1, {
      curvature: 'gauss-newton',
      solver,
      ...(exact && { exact }),
    });
    await optimizer.step(losses, undefined, { tapes });
    const ends = [...reached(), ...(exact ? [] : numbers(count))];
    tf.disposeVariables();
    return ends;
  };
  for (const exact of [false, true]) close(await path('one', exact), await path('all', exact));
});

it('refuses losses that are drawn again, unless each is evaluated once', async () => {
  const { on, reached } = network();
  const noise = random(5);
  const noisy = [on(0, 6), on(6, 6)].map(
    (f) => () => tf.tidy(() => tf.mul(1 + noise.uniform(), f()) as tf.Scalar),
  );
  const before = reached();
  const optimizer = implicitAdam(0.1, { solver: cg() });
  const { numTensors } = tf.memory();
  await expect(optimizer.step(noisy)).rejects.toThrow(/tapes: 'all'/);
  expect(reached()).toEqual(before);
  expect(tf.memory().numTensors).toBe(numTensors);
  await optimizer.step(noisy, undefined, { tapes: 'all' });
  expect(reached()).not.toEqual(before);
});

it('gives timers a turn between two batches, and notices who moves a variable in it', async () => {
  const { on, variables, reached } = network();
  const slow = (f: () => tf.Scalar) => () => {
    const end = performance.now() + 20;
    while (performance.now() < end);
    return f();
  };
  const losses = [on(0, 4), on(4, 4), on(8, 4)].map(slow);
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  // No product is needed, so that all turns are those between the gradients.
  const optimizer = implicitSGD(1, { curvature: 'fisher-rank-one' });
  await optimizer.step(losses);
  clearInterval(timer);
  expect(turns).toBeGreaterThanOrEqual(1);
  const step = optimizer.step(losses);
  const refused = expect(step).rejects.toThrow(/was assigned to while a step was under way/);
  variables[0]!.assign(tf.tidy(() => tf.mul(variables[0]!, 2)));
  const moved = reached();
  await refused;
  expect(reached()).toEqual(moved);
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
  [[tf.square, tf.square], { tapes: 'two' }],
])('refuses %j with %j', async (losses, options) => {
  tf.variable(tf.scalar(1));
  for (const optimizer of [implicitSGD(1), implicitSGD(1, { exact: true }), implicitAdam(1)]) {
    await expect(optimizer.step(losses as never, undefined, options as never)).rejects.toThrow(
      InputError,
    );
  }
});
