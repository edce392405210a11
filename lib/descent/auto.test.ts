import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { markOutput } from '../autodiff';
import { softmaxCrossEntropy, useBackend } from '../backends';
import { ImplicitLabError, InputError, NotFiniteError } from '../errors';
import { random } from '../numbers';
import { cg } from '../solvers';
import {
  cosine,
  type ImplicitAdam,
  implicitAdam,
  implicitSGD,
  type StepStats,
  withOutput,
} from '.';

beforeAll(async () => {
  await useBackend('wasm', { threads: 1 });
});
afterEach(() => tf.disposeVariables());

const makers = { 'implicit SGD': implicitSGD, 'implicit Adam': implicitAdam };
const numbers = (x: tf.Tensor) => [...x.dataSync()];
const bowl = (x: tf.Tensor, c = 3) =>
  tf.tidy(() => tf.mul(c / 2, tf.sum(tf.square(x))) as tf.Scalar);
/** Rises from where a Newton step leads: its curvature at 2 is a tenth of what it is at 0. */
const bent = (x: tf.Tensor) => tf.tidy(() => tf.sum(tf.sqrt(tf.add(1, tf.square(x)))) as tf.Scalar);

/** A small network and its batches, a new one for each step. */
function network() {
  const normals = (shape: [number, number], seed: number) =>
    tf.tensor2d(Float32Array.from(random(seed).normals(shape[0] * shape[1])), shape);
  const x = normals([40, 6], 1);
  const labels = numbers(tf.argMax(tf.matMul(x, normals([6, 3], 9)), 1));
  const y = tf.oneHot(tf.tensor1d(labels, 'int32'), 3);
  const W = tf.variable(normals([6, 5], 2));
  const b = tf.variable(tf.zeros([5]));
  const V = tf.variable(normals([5, 3], 3));
  const loss = (t: number) => () =>
    tf.tidy(() => {
      const rows = tf.range(0, 20, 1, 'int32');
      const some = tf.mod(tf.add(rows, 7 * t), 40).toInt();
      const hidden = tf.tanh(tf.add(tf.matMul(tf.gather(x, some), W as tf.Tensor2D), b));
      const z = tf.matMul(hidden, V as tf.Tensor2D);
      return softmaxCrossEntropy(tf.cast(tf.gather(y, some), 'float32'), markOutput(z));
    });
  return { variables: [W, b, V], loss };
}

const curvature = 'gauss-newton';
type Optimizer = ReturnType<typeof implicitSGD> | ReturnType<typeof implicitAdam>;

async function go(
  optimizer: Optimizer,
  { variables, loss }: ReturnType<typeof network>,
  steps: number[],
) {
  const path: number[][] = [];
  for (const t of steps) {
    await optimizer.step(loss(t), variables);
    path.push([optimizer.learningRate, ...variables.flatMap(numbers)]);
  }
  return path;
}

describe.each(Object.entries(makers))("%s('auto')", (_, make) => {
  it.each([1e-4, 1, 1e4])('starts from δ = %f and comes down', async (initial) => {
    const { variables, loss } = network();
    const optimizer = make('auto', { initial, curvature });
    const losses: number[] = [];
    for (let t = 0; t < 20; t++) losses.push((await optimizer.step(loss(t), variables)).loss);
    expect(losses.at(-1)).toBeLessThan(0.6 * losses[0]!);
  });

  it('calls the loss once a step, and returns it', () => {
    const { variables, loss } = network();
    const optimizer = make('auto', { curvature });
    let calls = 0;
    const counted = (t: number) => () => {
      calls++;
      return loss(t)();
    };
    for (let t = 0; t < 3; t++) {
      const before = loss(t)().dataSync()[0]!;
      const cost = optimizer.minimize(counted(t), true, variables);
      expect(cost!.dataSync()[0]).toBeCloseTo(before, 5);
    }
    expect(calls).toBe(3);
    expect(optimizer.iterations).toBe(3);
  });

  it('goes on after a save bit by bit as without one', async () => {
    const net = network();
    const start = net.variables.map((v) => v.clone());
    const whole = await go(
      make('auto', { initial: 0.01, curvature }),
      net,
      [0, 1, 2, 3, 4, 5, 6, 7],
    );
    net.variables.forEach((v, i) => {
      v.assign(start[i]!);
    });
    const first = make('auto', { initial: 0.01, curvature });
    await go(first, net, [0, 1, 2, 3]);
    const state = (await first.getWeights()).map((w) => ({ ...w, tensor: w.tensor.clone() }));
    first.dispose();
    const second = make('auto', { initial: 77, curvature });
    await second.setWeights(state);
    expect(await go(second, net, [4, 5, 6, 7])).toEqual(whole.slice(4));
  });

  it('given its own state changes nothing, and a save leaves no tensor behind', async () => {
    const paths: number[][][] = [];
    for (const restore of [false, true]) {
      const net = network();
      const optimizer = make('auto', { curvature });
      const path: number[][] = [];
      for (let t = 0; t < 6; t++) {
        const before = tf.memory().numTensors;
        if (restore) {
          await optimizer.setWeights(await optimizer.getWeights());
          await optimizer.getWeights();
        }
        if (t > 2) expect(tf.memory().numTensors).toBe(before);
        path.push(...(await go(optimizer, net, [t])));
      }
      paths.push(path);
    }
    expect(paths[1]).toEqual(paths[0]);
  });

  it('leaves weights, moments and δ as they were where the loss is NaN', async () => {
    const net = network();
    const optimizer = make('auto', { curvature });
    await go(optimizer, net, [0, 1, 2]);
    const state = async () =>
      (await (optimizer as ImplicitAdam).getWeights()).map(({ tensor }) => numbers(tensor));
    const before = [await state(), net.variables.map(numbers)];
    const held = tf.memory().numTensors;
    const nan = () => tf.tidy(() => tf.mul(net.loss(3)(), Number.NaN) as tf.Scalar);
    expect(() => optimizer.minimize(nan, false, net.variables)).toThrow(NotFiniteError);
    expect([await state(), net.variables.map(numbers)]).toEqual(before);
    expect(tf.memory().numTensors).toBe(held);
  });

  it('stays where the gradient is 0, and goes on from there when it is not', async () => {
    const w = tf.variable(tf.tensor1d([0, 0]));
    const optimizer = make('auto');
    for (let t = 0; t < 4; t++) {
      const { ratio } = await optimizer.step(() => bowl(w), [w]);
      expect(ratio).toBeUndefined();
      expect(numbers(w)).toEqual([0, 0]);
      expect(optimizer.learningRate).toBeGreaterThan(0);
    }
    for (let t = 0; t < 30; t++) await optimizer.step(() => bowl(tf.sub(w, 1)), [w]);
    for (const x of numbers(w)) expect(Math.abs(x - 1)).toBeLessThan(0.2);
  });

  it('holds no more tensors after many steps than after some', async () => {
    const net = network();
    const optimizer = make('auto', { initial: 100, curvature });
    await go(optimizer, net, [0, 1, 2, 3, 4, 5]);
    const before = tf.memory().numTensors;
    await go(optimizer, net, [6, 7, 8, 9, 10, 11, 12, 13, 14]);
    // Fewer where the last step was not taken.
    expect(tf.memory().numTensors).toBeLessThanOrEqual(before);
    optimizer.dispose();
  });

  it('is a drop-in under model.fit, metrics and dropout included, and saved with the model', async () => {
    const { x, y } = tf.tidy(() => ({
      x: tf.keep(tf.tensor2d(Float32Array.from(random(4).normals(240)), [60, 4])),
      y: tf.keep(
        tf.oneHot(
          tf.tensor1d(
            Array.from({ length: 60 }, (_, i) => i % 3),
            'int32',
          ),
          3,
        ),
      ),
    }));
    const model = tf.sequential({
      layers: [
        tf.layers.dense({ units: 8, activation: 'tanh', inputShape: [4] }),
        tf.layers.dropout({ rate: 0.1, seed: 1 }),
        tf.layers.dense({ units: 3 }),
      ],
    });
    const optimizer = make('auto', { curvature });
    const loss = withOutput((labels, z) =>
      softmaxCrossEntropy(labels as tf.Tensor2D, z as tf.Tensor2D),
    );
    model.compile({ optimizer, loss, metrics: ['accuracy'] });
    const { history } = await model.fit(x, y, { epochs: 4, batchSize: 20, verbose: 0 });
    expect(Object.keys(history).sort()).toEqual(['acc', 'loss']);
    expect(optimizer.iterations).toBe(12);
    expect(optimizer.learningRate).not.toBe(1);
    const saved: tf.io.ModelArtifacts[] = [];
    const handler = tf.io.withSaveHandler(async (artifacts) => {
      saved.push(artifacts);
      return { modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: 'JSON' } };
    });
    await model.save(handler, { includeOptimizer: true });
    const loaded = (await tf.loadLayersModel(tf.io.fromMemory(saved[0]!))) as tf.Sequential;
    const restored = loaded.optimizer as Optimizer;
    expect(restored.learningRate).toBe(optimizer.learningRate);
    expect(restored.iterations).toBe(12);
    tf.dispose([x, y]);
  });

  it('takes the same steps on cpu as on wasm', async () => {
    const paths: number[][][] = [];
    for (const backend of ['wasm', 'cpu'] as const) {
      await useBackend(backend, backend === 'wasm' ? { threads: 1 } : {});
      paths.push(await go(make('auto', { curvature }), network(), [0, 1, 2, 3]));
      tf.disposeVariables();
    }
    await useBackend('wasm', { threads: 1 });
    paths[0]!.forEach((step, t) => {
      step.forEach((value, i) => {
        expect(Math.abs(value - paths[1]![t]![i]!)).toBeLessThan(2e-3 * (1 + Math.abs(value)));
      });
    });
  });

  it.each([
    ['a misspelt option', { inital: 1 }],
    ['a δ of 0', { initial: 0 }],
    ['a negative δ', { initial: -1 }],
    ['a δ of NaN', { initial: Number.NaN }],
    ['a δ that is a text', { initial: 'one' }],
    ['a schedule', { schedule: cosine(10) }],
    ['exact steps', { exact: true }],
  ])('refuses %s', (_, options) => {
    expect(() => make('auto', options as object)).toThrow(InputError);
  });

  it('refuses an initial δ next to a rate, other words, and states of another kind', async () => {
    expect(() => make(0.1, { initial: 1 })).toThrow(InputError);
    expect(() => make('Auto' as 'auto')).toThrow(InputError);
    const [tuned, plain] = [make('auto', { initial: 1 }), make(0.1)];
    await expect(tuned.setWeights(await plain.getWeights())).rejects.toThrow(InputError);
    await expect(plain.setWeights(await tuned.getWeights())).rejects.toThrow();
    const broken = (await tuned.getWeights()).map((entry) =>
      entry.name === 'region' ? { ...entry, tensor: tf.tensor1d([-1, 0, 0]) } : entry,
    );
    await expect(tuned.setWeights(broken)).rejects.toThrow(InputError);
    expect(tuned.learningRate).toBe(1);
  });

  it('takes no other tensors for its last step, none with a NaN, and is as before', async () => {
    const w = tf.variable(tf.tensor1d([1, 2]), true, 'w');
    const optimizer = make('auto');
    await optimizer.step(() => tf.sum(tf.pow(w, 4)) as tf.Scalar, [w]);
    const state = (await optimizer.getWeights()).map((entry) => ({
      ...entry,
      tensor: entry.tensor.clone(),
    }));
    const numbers = async () =>
      (await optimizer.getWeights()).map(({ name, tensor }) => [name, [...tensor.dataSync()]]);
    const before = await numbers();
    const last = state.at(-1)!;
    for (const spoilt of [
      [...state, ...state],
      [...state.slice(0, -1), { ...last, tensor: tf.tensor1d([1, Number.NaN]) }],
      [...state.slice(0, -1), { ...last, tensor: tf.tensor1d([1, 2], 'int32') }],
      [...state, undefined as never],
    ]) {
      await expect(optimizer.setWeights(spoilt)).rejects.toThrow(ImplicitLabError);
      expect(await numbers()).toEqual(before);
    }
    w.dispose();
  });

  it('gives a restored last step back to the variables it was of, in whatever order they come', async () => {
    const run = async (restored: boolean) => {
      const [a, b] = [tf.variable(tf.tensor1d([1, 2])), tf.variable(tf.tensor1d([3, -1]))];
      const f = () => tf.add(tf.sum(tf.pow(a, 4)), tf.mul(5, tf.sum(tf.square(b)))) as tf.Scalar;
      const optimizer = make('auto');
      for (let t = 0; t < 3; t++) await optimizer.step(f, [a, b]);
      if (restored) await optimizer.setWeights(await optimizer.getWeights());
      for (let t = 0; t < 3; t++) await optimizer.step(f, [b, a]);
      const rate = optimizer.learningRate;
      tf.dispose([a, b]);
      return rate;
    };
    expect(await run(true)).toBe(await run(false));
  });

  it('goes on from a δ that is assigned', async () => {
    const net = network();
    const optimizer = make('auto', { curvature });
    await go(optimizer, net, [0, 1]);
    optimizer.learningRate = 0.25;
    const { stepSize, ratio } = await optimizer.step(net.loss(2), net.variables);
    expect(stepSize).toBeLessThanOrEqual(0.25);
    expect(ratio).toBeDefined();
    expect(() => {
      optimizer.learningRate = () => 1;
    }).toThrow(InputError);
  });
});

describe("implicitSGD('auto')", () => {
  it('measures a ratio of 1 on a parabola and raises δ', async () => {
    const x = tf.variable(tf.tensor1d([3, -2]));
    const optimizer = implicitSGD('auto', { initial: 0.1, solver: cg({ tolerance: 1e-6 }) });
    const { ratio, taken, stepSize } = await optimizer.step(() => bowl(x), [x]);
    expect(stepSize).toBeCloseTo(0.1, 6);
    expect(ratio).toBeCloseTo(1, 4);
    expect(taken).toBe(true);
    expect(optimizer.learningRate).toBeGreaterThan(0.1);
    // (1 + δc)⁻¹ x.
    expect(numbers(x)[0]).toBeCloseTo(3 / 1.3, 5);
  });

  it('does not take a step at whose end the loss is higher, and lowers δ', async () => {
    const x = tf.variable(tf.tensor1d([2]));
    const optimizer = implicitSGD('auto', { initial: 50 });
    const stats: StepStats[] = [];
    for (let t = 0; t < 12; t++) {
      const before = numbers(x);
      const rate = optimizer.learningRate;
      stats.push(await optimizer.step(() => bent(x), [x]));
      if (stats.at(-1)!.taken) continue;
      expect(numbers(x)).toEqual(before);
      expect(optimizer.learningRate).toBeLessThan(rate);
    }
    expect(stats[0]!.taken).toBe(false);
    expect(stats[0]!.ratio).toBeLessThan(0);
    // Linearised at a fixed δ it goes −6, 35, −15 and on.
    expect(Math.abs(numbers(x)[0]!)).toBeLessThan(0.1);
  });

  it.each([
    ['10,000, where δ hardly bounds it, though the loss fell', 1e4, false],
    ['2, where δ bounds it', 2, true],
  ])(
    'with less than half of what was promised, takes no step of δ = %s',
    async (_, initial, isTaken) => {
      // Newton's step from x leads to −x³: of 0.41 that the parabola promises 0.16 are gained.
      const x = tf.variable(tf.tensor1d([0.8]));
      const optimizer = implicitSGD('auto', { initial });
      const { taken, ratio } = await optimizer.step(() => bent(x), [x]);
      expect(taken).toBe(isTaken);
      if (isTaken) return;
      expect(ratio).toBeCloseTo(0.383, 2);
      expect(numbers(x)[0]).toBe(Math.fround(0.8));
      expect(optimizer.learningRate).toBeLessThan(4);
    },
  );

  it.each([1e-30, 1e-25, 1e-20, 1e-15, 1e15, 1e20, 1e30])(
    'does with a loss times %f what it does without, the first δ divided by it',
    async (c) => {
      const path = async (c: number) => {
        const x = tf.variable(tf.tensor1d([2, -1]));
        const optimizer = implicitSGD('auto', { initial: 1 / c });
        const seen: number[] = [];
        for (let t = 0; t < 6; t++) {
          const loss = () => tf.tidy(() => tf.mul(c, bent(x)) as tf.Scalar);
          const { stepSize, taken, ratio } = await optimizer.step(loss, [x]);
          seen.push(stepSize * c, Number(taken), ratio!, ...numbers(x));
        }
        return seen;
      };
      const plain = await path(1);
      (await path(c)).forEach((value, i) => {
        expect(Math.abs(value - plain[i]!)).toBeLessThan(0.02 * (0.1 + Math.abs(plain[i]!)));
      });
    },
  );

  it('restores a state that was saved before its unit was, as one of unit 1', async () => {
    const optimizer = implicitSGD('auto', { initial: 1e-20 });
    const state = (await optimizer.getWeights()).map(({ name, tensor }) => ({
      name,
      tensor: name === 'region' ? tf.tensor1d([0.5, ...numbers(tensor).slice(1, -1)]) : tensor,
    }));
    await optimizer.setWeights(state);
    expect(optimizer.learningRate).toBe(0.5);
    expect(numbers((await optimizer.getWeights()).at(-1)!.tensor).at(-1)).toBe(1);
  });

  it('measures the mean of several losses', async () => {
    const x = tf.variable(tf.tensor1d([3, -2]));
    const optimizer = implicitSGD('auto', { initial: 0.1, solver: cg({ tolerance: 1e-6 }) });
    const { ratio } = await optimizer.step([() => bowl(x, 1), () => bowl(x, 5)], [x], {
      weights: [1, 3],
    });
    expect(ratio).toBeCloseTo(1, 4);
  });
});

describe("implicitAdam('auto')", () => {
  it.each([1e-20, 1e15])(
    'does with a loss times %f what it does without, ε times it',
    async (c) => {
      const path = async (c: number) => {
        const x = tf.variable(tf.tensor1d([2, -1]));
        const optimizer = implicitAdam('auto', { epsilon: 1e-7 * c, initial: 1 });
        const seen: number[] = [];
        for (let t = 0; t < 6; t++) {
          const loss = () => tf.tidy(() => tf.mul(c, bent(x)) as tf.Scalar);
          const { stepSize, taken } = await optimizer.step(loss, [x]);
          seen.push(stepSize, Number(taken), ...numbers(x));
        }
        return seen;
      };
      const plain = await path(1);
      (await path(c)).forEach((value, i) => {
        expect(Math.abs(value - plain[i]!)).toBeLessThan(0.02 * (0.1 + Math.abs(plain[i]!)));
      });
    },
  );

  it('begins at 0.01, where implicit SGD begins at 1, unless it is told, and again after dispose', () => {
    const first = [implicitSGD('auto'), implicitAdam('auto'), implicitAdam('auto', { initial: 2 })];
    expect(first.map(({ learningRate }) => learningRate)).toEqual([1, Math.fround(0.01), 2]);
    const optimizer = first[1]!;
    optimizer.learningRate = 5;
    optimizer.dispose();
    expect(optimizer.learningRate).toBe(Math.fround(0.01));
  });

  it('refuses gradients whose squares overflow, with everything as it was', async () => {
    const x = tf.variable(tf.tensor1d([2, -1]));
    const loss = () => tf.tidy(() => tf.mul(1e20, bent(x)) as tf.Scalar);
    await expect(implicitAdam('auto').step(loss, [x])).rejects.toThrow(NotFiniteError);
    expect(numbers(x)).toEqual([2, -1]);
  });

  /** What momentum alone moves x by, after a step at δ = 0.01, at another δ. */
  async function coasted(delta: number) {
    const x = tf.variable(tf.tensor1d([0, 0]));
    const optimizer = implicitAdam('auto', { initial: 0.01 });
    const slope = (a: number) => () => tf.tidy(() => tf.sum(tf.mul(a, x)) as tf.Scalar);
    await optimizer.step(slope(1), [x]);
    const before = numbers(x)[0]!;
    optimizer.learningRate = delta;
    const { taken } = await optimizer.step(slope(0), [x]);
    expect(taken).toBe(true);
    return numbers(x)[0]! - before;
  }

  it('moves by momentum as far as before where δ has risen, and less far where it has fallen', async () => {
    const plain = await coasted(0.01);
    expect(plain).toBeLessThan(0);
    expect((await coasted(0.3)) / plain).toBeCloseTo(1, 4);
    expect((await coasted(0.002)) / plain).toBeCloseTo(0.2, 4);
  });
});
