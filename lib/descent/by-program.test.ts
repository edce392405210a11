import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { leaveOutOfQuickRun, leaveOutWithoutPrograms } from '../../test/needs';
import {
  flatSpaceOn,
  freePrograms,
  markAuxiliary,
  markOutput,
  switchPrograms,
  tracedCounts,
} from '../autodiff';
import { softmaxCrossEntropy, useBackend } from '../backends';
import type { Heap } from '../backends/wasm/kernels/heap';
import { cnn, type Model, mlp, rnn } from '../models';
import { random } from '../numbers';
import { cg, gmres, type LinearSolver, minres, neumann } from '../solvers';
import { mapTensors } from '../spaces';
import { type ImplicitSgdOptions, implicitAdam, implicitSGD, withOutput } from '.';

leaveOutOfQuickRun();
leaveOutWithoutPrograms();

const CLASSES = 3;

beforeAll(async () => {
  await useBackend('wasm', { threads: 1 });
});
beforeEach(freePrograms);
afterEach(() => {
  switchPrograms(true);
  tf.disposeVariables();
});

const draw = (shape: number[], seed: number) =>
  tf.tensor(Float32Array.from(random(seed).normals(shape.reduce((a, b) => a * b, 1))), shape);
const labels = (count: number) =>
  tf.oneHot(
    tf.tensor1d(
      Array.from({ length: count }, (_, i) => i % CLASSES),
      'int32',
    ),
    CLASSES,
  );

type Variables = Record<string, tf.Variable>;
const variablesOf = (model: Model, suffix = ''): Variables =>
  mapTensors(model.init(1), (value, name) =>
    tf.variable(value, true, `${name}${suffix}`),
  ) as Variables;

interface Setting {
  model: Model;
  inputs?: number;
  batch: number;
  /** Of the weights, added to the loss. */
  penalty?: number;
}

/** Where the weights are after some steps, each on another batch, and the stats of the last one. */
async function path(
  { model, inputs = 40, batch, penalty = 0 }: Setting,
  make: typeof implicitSGD | typeof implicitAdam,
  options: ImplicitSgdOptions,
  { steps = 4, rate = 0.1 } = {},
) {
  const variables = variablesOf(model);
  const optimizer = make(rate, options);
  for (let i = 0; i < steps; i++) {
    const x = draw([batch, inputs], 10 + i);
    const y = labels(batch);
    optimizer.minimize(() => {
      const z = markOutput(model.predict(variables, x));
      const data = softmaxCrossEntropy(y, z);
      if (penalty === 0) return data;
      const [first] = Object.values(variables);
      return tf.add(data, tf.mul(penalty, tf.sum(tf.square(first!))));
    });
    tf.dispose([x, y]);
  }
  const { seconds, ...stats } = await optimizer.lastStep();
  const weights = Object.values(variables).flatMap((x) => [...x.dataSync()]);
  optimizer.dispose();
  tf.dispose(variables);
  return { weights, stats };
}

type Ends = Awaited<ReturnType<typeof path>>;

/** The same with programs and without. */
async function bothWays(run: () => Promise<Ends>) {
  const before = tracedCounts();
  const byProgram = await run();
  const { hits, refused } = tracedCounts();
  switchPrograms(false);
  const byOperation = await run();
  switchPrograms(true);
  return { byProgram, byOperation, hits: hits - before.hits, refused: refused - before.refused };
}

function expectEqual({ byProgram, byOperation }: Record<'byProgram' | 'byOperation', Ends>) {
  const { residualNorm, execution, ...stats } = byProgram.stats;
  const { residualNorm: expected, execution: other, ...others } = byOperation.stats;
  expect([execution, other]).toEqual(['compiled', 'interpreted']);
  expect(stats).toEqual({ ...others, loss: expect.closeTo(others.loss, 5) });
  expect(Math.abs(residualNorm - expected)).toBeLessThan(1e-2 * expected + 1e-5);
  byProgram.weights.forEach((value, i) => {
    expect(Math.abs(value - byOperation.weights[i]!)).toBeLessThan(2e-5);
  });
}

const wide = mlp({ sizes: [40, 8, CLASSES], activation: 'sigmoid' });
const settings: Record<string, Setting> = {
  'dense layers': { model: wide, batch: 50 },
  'dense layers, in the rows of the batch': { model: wide, batch: 6 },
  'deep, in rows': { model: mlp({ sizes: [40, 30, 20, CLASSES], activation: 'tanh' }), batch: 6 },
  'with a penalty': { model: wide, batch: 6, penalty: 0.1 },
  relu: { model: mlp({ sizes: [40, 8, CLASSES], activation: 'relu' }), batch: 6 },
  'a convolutional network': {
    model: cnn({ filters: [2, 3], classes: CLASSES }),
    inputs: 784,
    batch: 3,
  },
  'a recurrent network': {
    model: rnn({ features: 4, steps: 10, hidden: 6, classes: CLASSES }),
    batch: 5,
  },
};
const iterations = 6;
const solvers: Record<string, LinearSolver> = {
  'cg, energy': cg({ tolerance: 0, maxIterations: iterations, best: 'energy' }),
  'cg, residual': cg({ tolerance: 1e-2, maxIterations: iterations }),
  'cg, damped': cg({ tolerance: 0, maxIterations: iterations, damping: 0.5, best: 'energy' }),
  minres: minres({ tolerance: 0, maxIterations: iterations }),
  gmres: gmres({ tolerance: 0, maxIterations: iterations }),
  neumann: neumann({ terms: iterations, scale: 0.5 }),
};

describe('a step by programs is the step', () => {
  for (const [name, setting] of Object.entries(settings)) {
    for (const curvature of ['hessian', 'gauss-newton'] as const) {
      it(`${name}, ${curvature}: implicitSGD`, async () => {
        const solver = solvers['cg, energy']!;
        const found = await bothWays(() => path(setting, implicitSGD, { curvature, solver }));
        expect(found.hits).toBe(2);
        expect(found.refused).toBe(0);
        expectEqual(found);
      });
    }
  }

  it.each(Object.keys(solvers))('by %s', async (name) => {
    const solver = solvers[name]!;
    for (const key of ['dense layers', 'dense layers, in the rows of the batch']) {
      const options = { curvature: 'gauss-newton', solver } as const;
      const found = await bothWays(() => path(settings[key]!, implicitSGD, options));
      expect(found.hits).toBe(2);
      expectEqual(found);
    }
  });

  it.each(['hessian', 'gauss-newton'] as const)('of implicitAdam, %s', async (curvature) => {
    const options = { curvature, solver: solvers['cg, energy']! };
    const setting = settings['dense layers, in the rows of the batch']!;
    const found = await bothWays(() =>
      path(setting, implicitAdam, options, { rate: 1e-3, steps: 5 }),
    );
    expect(found.hits).toBe(3);
    expectEqual(found);
  });

  it('with the closed form, of some parameters, clipped, and clipped entry by entry', async () => {
    const solver = solvers['cg, energy']!;
    const setting = settings['dense layers, in the rows of the batch']!;
    const all: ImplicitSgdOptions[] = [
      { curvature: 'fisher-rank-one' },
      { solver, parameters: (name) => name.startsWith('W') },
      { solver, parameters: (name) => name.includes('1'), others: 'frozen' },
      { solver, clipNorm: 0.1 },
      { solver, clipValue: 0.01 },
    ];
    for (const options of all) {
      freePrograms();
      const found = await bothWays(() => path(setting, implicitSGD, options));
      expect(found.hits).toBe(2);
      expectEqual(found);
    }
  });
});

/** Steps on one batch, up to the given number, with what they start from. */
function fixed(model: Model, batch: number, suffix = '') {
  const variables = variablesOf(model, suffix);
  const [x, y] = [draw([batch, 40], 3), labels(batch)];
  const loss = () => softmaxCrossEntropy(y, markOutput(model.predict(variables, x))) as tf.Scalar;
  return { variables, loss };
}

describe('negative curvature', () => {
  /** A loss whose Hessian has one eigenvalue of −3 and others of 1 to 5. */
  const saddle = (x: tf.Variable, scales: tf.Tensor) => () =>
    tf.mul(0.5, tf.sum(tf.mul(scales, tf.square(x)))) as tf.Scalar;

  it.each([0.2, 0.3, 1])(
    'is met at the same iteration, with the same answer: rate %s',
    async (rate) => {
      const scales = tf.tensor1d([1, 2, 3, 4, 5, -3]);
      const run = async () => {
        const x = tf.variable(tf.tensor1d([1, -1, 2, 1, -2, 0.5]));
        const optimizer = implicitSGD(rate, { solver: cg({ tolerance: 0, best: 'energy' }) });
        for (let i = 0; i < 3; i++) {
          x.assign(tf.tensor1d([1, -1, 2, 1, -2, 0.5]));
          optimizer.minimize(saddle(x, scales));
        }
        const { seconds, ...stats } = await optimizer.lastStep();
        const weights = [...x.dataSync()];
        optimizer.dispose();
        x.dispose();
        return { weights, stats };
      };
      const found = await bothWays(run);
      expect(found.hits).toBe(1);
      expectEqual(found);
      if (rate > 0.3) expect(found.byProgram.stats.status).toBe('negative-curvature');
    },
  );
});

describe('what comes with a step', () => {
  const solver = solvers['cg, energy']!;

  it('leaves weights as they were after a loss that is not finite, and goes on after it', async () => {
    const x = tf.variable(tf.tensor1d([1, 2, 3, 4]));
    const factor = tf.variable(tf.scalar(1), false);
    const loss = () => tf.mul(factor, tf.sum(tf.pow(x, 2))) as tf.Scalar;
    const optimizer = implicitSGD(0.1, { solver });
    for (let i = 0; i < 3; i++) optimizer.minimize(loss);
    const before = [...x.dataSync()];
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
      factor.assign(tf.scalar(bad));
      const count = tf.memory().numTensors;
      const { bytes } = flatSpaceOn(tf.backend() as Heap);
      expect(() => optimizer.minimize(loss)).toThrow('finite');
      expect([...x.dataSync()]).toEqual(before);
      expect(tf.memory().numTensors).toBe(count);
      expect(flatSpaceOn(tf.backend() as Heap).bytes).toBe(bytes);
    }
    factor.assign(tf.scalar(1));
    optimizer.minimize(loss);
    const [first] = x.dataSync();
    expect(first).toBeCloseTo(before[0]! / (1 + 0.1 * 2), 5);
  });

  it('leaves nothing behind: neither tensors nor memory', async () => {
    for (const batch of [6, 50]) {
      for (const make of [implicitSGD, implicitAdam]) {
        const { variables, loss } = fixed(wide, batch);
        const optimizer = make(0.01, { solver });
        for (let i = 0; i < 3; i++) optimizer.minimize(loss);
        await optimizer.lastStep();
        const { bytes } = flatSpaceOn(tf.backend() as Heap);
        const count = tf.memory().numTensors;
        for (let i = 0; i < 3; i++) optimizer.minimize(loss);
        await optimizer.step(loss);
        expect(tf.memory().numTensors).toBe(count);
        expect(flatSpaceOn(tf.backend() as Heap).bytes).toBe(bytes);
        optimizer.dispose();
        tf.dispose(variables);
      }
    }
  });

  it('keeps the loss, what it marks, and side effects: it is called once for each step', async () => {
    const { variables, loss } = fixed(wide, 6);
    let calls = 0;
    const optimizer = implicitSGD(0.1, { solver });
    const marking = () => {
      calls++;
      const value = loss();
      markAuxiliary({ twice: tf.mul(2, value) });
      return value;
    };
    for (let i = 0; i < 4; i++) {
      const cost = optimizer.minimize(marking, true)!;
      const { loss: reported, auxiliary } = await optimizer.lastStep();
      expect(cost.dataSync()[0]).toBeCloseTo(reported, 6);
      expect(auxiliary!.twice).toBeCloseTo(2 * reported, 5);
    }
    expect(calls).toBe(4);
    tf.dispose(variables);
  });

  it('uses what the loss takes from outside as it is then', () => {
    const x = tf.variable(tf.tensor1d([1, 2]));
    const optimizer = implicitSGD(1, { solver });
    for (const target of [0, 1, 2, 3, 4]) {
      const t = tf.scalar(target);
      const before = [...x.dataSync()];
      optimizer.minimize(() => tf.mul(0.5, tf.sum(tf.square(tf.sub(x, t)))) as tf.Scalar);
      t.dispose();
      x.dataSync().forEach((value, i) => {
        expect(value).toBeCloseTo((before[i]! + target) / 2, 5);
      });
    }
  });

  it('tells a branch that the loss takes from another one, and a custom gradient from its kernels', () => {
    const x = tf.variable(tf.tensor1d([1, 2]));
    const optimizer = implicitSGD(1, { curvature: 'fisher-rank-one' });
    const doubled = tf.customGrad((a) => ({
      value: tf.square(a as tf.Tensor),
      gradFunc: (dy) => tf.mul(dy, tf.mul(4, a as tf.Tensor)),
    }));
    const losses = [
      () => tf.sum(tf.square(x)) as tf.Scalar,
      () => tf.sum(doubled(x)) as tf.Scalar,
      () => tf.sum(tf.exp(x)) as tf.Scalar,
    ];
    const slopes = [(v: number) => 2 * v, (v: number) => 4 * v, Math.exp];
    for (let round = 0; round < 4; round++) {
      losses.forEach((loss, which) => {
        x.assign(tf.tensor1d([1, 2]));
        optimizer.minimize(loss);
        const g = [1, 2].map(slopes[which]!);
        const squared = g.reduce((sum, each) => sum + each ** 2, 0);
        x.dataSync().forEach((value, i) => {
          expect(value).toBeCloseTo([1, 2][i]! - g[i]! / (1 + squared), 4);
        });
      });
    }
  });

  it('gives timers a turn while a step is awaited, and may be left for another loss', async () => {
    const { variables, loss } = fixed(mlp({ sizes: [40, 8, CLASSES], activation: 'tanh' }), 6);
    const other = fixed(wide, 50, ' of another');
    const optimizer = implicitSGD(0.1, { solver });
    const second = implicitAdam(0.01, { solver });
    const alone = implicitSGD(0.1, { solver });
    for (let i = 0; i < 3; i++) {
      const both = [
        optimizer.step(loss, Object.values(variables)),
        second.step(other.loss, Object.values(other.variables)),
      ];
      await Promise.all(both);
    }
    const reached = Object.values(variables).flatMap((value) => [...value.dataSync()]);
    tf.dispose(variables);
    const again = fixed(mlp({ sizes: [40, 8, CLASSES], activation: 'tanh' }), 6);
    for (let i = 0; i < 3; i++) alone.minimize(again.loss, false, Object.values(again.variables));
    Object.values(again.variables)
      .flatMap((value) => [...value.dataSync()])
      .forEach((value, i) => {
        expect(value).toBeCloseTo(reached[i]!, 5);
      });
  });
});

describe('under model.compile', () => {
  const trained = async (
    layers: () => tf.layers.Layer[],
    curvature: 'hessian' | 'gauss-newton',
  ) => {
    const model = tf.sequential({ layers: layers() });
    const optimizer = implicitSGD(0.2, { curvature, solver: solvers['cg, energy']! });
    const loss =
      curvature === 'hessian'
        ? 'categoricalCrossentropy'
        : withOutput((y, z) => tf.losses.softmaxCrossEntropy(y, z));
    model.compile({ optimizer, loss, metrics: ['accuracy'] });
    // 20 = 8 + 8 + 4: another structure at the end of each epoch.
    const [x, y] = [draw([20, 30], 5), labels(20)];
    const history = await model.fit(x, y, {
      ...{ batchSize: 8, epochs: 4, shuffle: false, verbose: 0 },
    });
    const weights = model.getWeights().flatMap((value) => [...value.dataSync()]);
    const { seconds, ...stats } = await optimizer.lastStep();
    model.dispose();
    optimizer.dispose();
    return { weights, stats, history };
  };
  const dense = (units: number, seed: number, activation: 'tanh' | 'softmax', first = false) =>
    tf.layers.dense({
      units,
      activation,
      kernelInitializer: tf.initializers.glorotUniform({ seed }),
      ...(first && { inputShape: [30] }),
    });

  it.each(['hessian', 'gauss-newton'] as const)(
    'with batches of two sizes: %s',
    async (curvature) => {
      const layers = () => [dense(6, 1, 'tanh', true), dense(CLASSES, 2, 'softmax')];
      const found = await bothWays(() => trained(layers, curvature));
      expect(found.hits).toBeGreaterThan(4);
      expectEqual(found);
    },
  );

  it('with dropout, whose mask is new in each step', async () => {
    const layers = () => [
      dense(6, 1, 'tanh', true),
      tf.layers.dropout({ rate: 0.5, seed: 7 }),
      dense(CLASSES, 2, 'softmax'),
    ];
    const found = await bothWays(() => trained(layers, 'hessian'));
    expect(found.hits).toBeGreaterThan(4);
    expectEqual(found);
  });
});

it.each(['hessian', 'gauss-newton'] as const)(
  'a loss that moves its variables itself has the derivatives of where it was computed: %s',
  async (curvature) => {
    const run = async () => {
      const w = tf.variable(tf.tensor1d([1, 2, 3]));
      const optimizer = implicitSGD(0.1, { curvature });
      for (let i = 0; i < 4; i++) {
        optimizer.minimize(() => {
          const loss = tf.sum(tf.square(markOutput(tf.square(w)))) as tf.Scalar;
          // As a limit on weights does after they are used.
          w.assign(tf.mul(w, 0.5));
          return loss;
        });
      }
      const { loss } = await optimizer.lastStep();
      optimizer.dispose();
      return { loss, w: [...w.dataSync()] };
    };
    const found = await run();
    switchPrograms(false);
    const wanted = await run();
    expect(found.loss).toBeCloseTo(wanted.loss, 5);
    found.w.forEach((value, i) => {
      expect(value).toBeCloseTo(wanted.w[i]!, 5);
    });
  },
);
