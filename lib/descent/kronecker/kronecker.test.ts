import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Curvature, gaussNewton, markOutput } from '../../autodiff';
import { softmaxCrossEntropy, useBackend } from '../../backends';
import { cnn, type Model, mlp, rnn } from '../../models';
import { random } from '../../numbers';
import { cg, dense, minres } from '../../solvers';
import { type NamedTensors, tensors } from '../../spaces';
import { manyTurns } from '../../testing';
import { type ImplicitSGD, implicitAdam, implicitSGD, kronecker } from '..';
import { Preconditioner } from './preconditioner';

beforeAll(async () => {
  await useBackend('wasm', { threads: 1 });
});
afterEach(() => {
  vi.restoreAllMocks();
  tf.disposeVariables();
});

const normals = (shape: number[], seed: number) =>
  tf.tensor(Float32Array.from(random(seed).normals(shape.reduce((a, b) => a * b, 1))), shape);
const numbers = (x: NamedTensors) => Object.values(x).flatMap((value) => [...value.dataSync()]);
/** Features of decreasing scale: what a preconditioner is for. */
const digits = (rows: number, inputs: number, classes: number) => ({
  x: tf.div(tf.mul(10, normals([rows, inputs], 1)), tf.add(1, tf.range(0, inputs))) as tf.Tensor2D,
  y: tf.oneHot(
    tf.tensor1d(
      Array.from({ length: rows }, (_, i) => i % classes),
      'int32',
    ),
    classes,
  ) as tf.Tensor2D,
});

/** A classifier's Gauss–Newton matrix at the weights of a seed. */
function classifier(model: Model, inputs: number, rows = 60): Curvature {
  const { x, y } = digits(rows, inputs, 3);
  return gaussNewton(
    {
      predict: (params: NamedTensors) => model.predict(params, x),
      loss: (z: tf.Tensor) => softmaxCrossEntropy(y, z as tf.Tensor2D),
    },
    model.init(1),
  );
}

/** M at a rate, of fresh factors. */
const preconditionerOf = (C: Curvature, delta: number, options = {}) =>
  new Preconditioner().at(kronecker(options), { delta, like: C.gradient, factors: C.cut });

describe('kronecker', () => {
  it('is the inverse where the block is a Kronecker product: a linear layer and a squared loss', () => {
    const [rows, inputs, outputs, delta] = [50, 6, 4, 3];
    const x = normals([rows, inputs], 2) as tf.Tensor2D;
    // C = XᵀX/n ⊗ 2I/m.
    const C = gaussNewton(
      {
        predict: ({ W }: NamedTensors) => tf.matMul(x, W as tf.Tensor2D),
        loss: (z: tf.Tensor) => tf.mean(tf.square(z)) as tf.Scalar,
      },
      { W: normals([inputs, outputs], 3) },
    );
    const v = { W: normals([inputs, outputs], 4) };
    const M = preconditionerOf(C, delta, { probes: 500 });
    const back = numbers(M.apply(tensors.axpy(tf.scalar(delta), C.apply(v), v)));
    const errors = numbers(v).map((value, i) => Math.abs(back[i]! - value));
    expect(Math.max(...errors)).toBeLessThan(0.25);
    // What ten samples alone would be off by: so it is the number of samples, and not the formula.
    const rough = preconditionerOf(C, delta, { probes: 10 });
    const few = numbers(rough.apply(tensors.axpy(tf.scalar(delta), C.apply(v), v)));
    const off = numbers(v).map((value, i) => Math.abs(few[i]! - value));
    expect(Math.max(...off)).toBeGreaterThan(2 * Math.max(...errors));
  });

  it.each([
    ['dense layers', () => classifier(mlp({ sizes: [5, 4, 3], activation: 'tanh' }), 5, 12)],
    [
      'recurrent ones',
      () => classifier(rnn({ features: 2, steps: 3, hidden: 3, classes: 3 }), 6, 12),
    ],
    ['a convolution', () => smallConvolution()],
  ])(
    'is made of the partial traces of each block of C, and of its diagonal for a bias: %s',
    (_, make) => {
      const C = make();
      const delta = 5;
      const M = preconditionerOf(C, delta, { probes: 600 });
      const entries = Object.entries(C.gradient);
      const v = Object.fromEntries(
        entries.map(([name, { shape }], i) => [name, normals(shape, 40 + i)]),
      );
      const found = M.apply(v);
      for (const [name, { shape }] of entries) {
        const wanted = byPartialTraces(blockOf(C, name), shape, delta, [...v[name]!.dataSync()]);
        const off = [...found[name]!.dataSync()].map((value, i) => value - wanted[i]!);
        // Six hundred samples leave a thirtieth of it at most.
        expect(Math.hypot(...off) / Math.hypot(...wanted)).toBeLessThan(0.06);
      }
    },
  );

  it.each([
    ['dense layers', () => classifier(mlp({ sizes: [20, 8, 3], activation: 'tanh' }), 20)],
    ['a side larger than the rank', () => classifier(mlp({ sizes: [200, 8, 3] }), 200)],
    ['recurrent ones', () => classifier(rnn({ features: 4, steps: 5, hidden: 6, classes: 3 }), 20)],
    ['a network with convolutions', () => convolutions()],
  ])('is symmetric, positive definite and no longer than the identity: %s', (_, make) => {
    const C = make();
    for (const delta of [1e-3, 1, 1e3]) {
      const M = preconditionerOf(C, delta);
      const like = (seed: number) =>
        Object.fromEntries(
          Object.entries(C.gradient).map(([name, { shape }], i) => [
            name,
            normals(shape, seed + i),
          ]),
        );
      const [u, v] = [like(10), like(30)];
      const dot = (a: NamedTensors, b: NamedTensors) => tensors.dot(a, b).dataSync()[0]!;
      const [uMv, vMu, vMv, vv] = [
        dot(u, M.apply(v)),
        dot(v, M.apply(u)),
        dot(v, M.apply(v)),
        dot(v, v),
      ];
      expect(uMv / Math.sqrt(vv * dot(u, u))).toBeCloseTo(vMu / Math.sqrt(vv * dot(u, u)), 4);
      expect(vMv).toBeGreaterThan(0);
      expect(vMv).toBeLessThan(vv * (1 + 1e-4));
    }
  });

  it.each([
    ['an MLP', () => classifier(mlp({ sizes: [20, 8, 3], activation: 'tanh' }), 20), 30],
    [
      'a recurrent network',
      () => classifier(rnn({ features: 4, steps: 5, hidden: 6, classes: 3 }), 20),
      300,
    ],
    ['a CNN', () => convolutions(), 30],
  ])('lets conjugate gradients take fewer iterations: %s', (_, make, delta) => {
    const C = make();
    const A = {
      apply: (v: NamedTensors) => tensors.axpy(tf.scalar(delta), C.apply(v), v),
      dispose() {},
    };
    const options = { tolerance: 0.1, maxIterations: 500 };
    const plain = cg(options).solveSync(A, C.gradient);
    const preconditioner = preconditionerOf(C, delta);
    const better = cg({ ...options, preconditioner: preconditioner as never }).solveSync(
      A,
      C.gradient,
    );
    expect([plain.status, better.status]).toEqual(['converged', 'converged']);
    expect(better.iterations).toBeLessThan(0.8 * plain.iterations);
  });
});

/** The block of C that belongs to one parameter, as columns. */
function blockOf(C: Curvature, name: string): number[][] {
  const { size, shape } = C.gradient[name]!;
  const zeros = Object.fromEntries(
    Object.entries(C.gradient).map(([name, { shape }]) => [name, tf.zeros(shape)]),
  );
  return Array.from({ length: size }, (_, i) => {
    const unit = tf.tensor(
      Array.from({ length: size }, (_, j) => (i === j ? 1 : 0)),
      shape,
    );
    return [...C.apply({ ...zeros, [name]: unit })[name]!.dataSync()];
  });
}

/** `(I + δ A ⊗ G/t)⁻¹ v` with the partial traces A and G of a block, or `(I + δ diag)⁻¹ v`. */
function byPartialTraces(block: number[][], shape: number[], delta: number, v: number[]): number[] {
  if (shape.length === 1) return v.map((value, i) => value / (1 + delta * block[i]![i]!));
  const m = shape.at(-1)!;
  const n = v.length / m;
  const indices = (count: number) => Array.from({ length: count }, (_, i) => i);
  const sum = (terms: number[]) => terms.reduce((a, b) => a + b, 0);
  const at = (i: number, j: number, k: number, l: number) => block[i * m + j]![k * m + l]!;
  const A = indices(n).map((i) =>
    indices(n).map((k) => sum(indices(m).map((j) => at(i, j, k, j)))),
  );
  const G = indices(m).map((j) =>
    indices(m).map((l) => sum(indices(n).map((i) => at(i, j, i, l)))),
  );
  const t = sum(indices(v.length).map((i) => block[i]![i]!));
  const product = (x: Float64Array) =>
    x.map(
      (value, row) =>
        value +
        (delta / t) *
          sum(
            [...x].map(
              (x, k) => A[Math.floor(row / m)]![Math.floor(k / m)]! * G[row % m]![k % m]! * x,
            ),
          ),
    );
  const solution = dense().solveSync({ apply: product, dispose() {} }, Float64Array.from(v));
  return [...solution.value];
}

function smallConvolution(): Curvature {
  const x = normals([10, 4, 4, 1], 5) as tf.Tensor4D;
  const { y } = digits(10, 1, 3);
  return gaussNewton(
    {
      predict({ filter, W }: NamedTensors) {
        const seen = tf.tanh(tf.conv2d(x, filter as tf.Tensor4D, 1, 'valid'));
        return tf.matMul(tf.reshape(seen, [10, 18]) as tf.Tensor2D, W as tf.Tensor2D);
      },
      loss: (z: tf.Tensor) => softmaxCrossEntropy(y, z as tf.Tensor2D),
    },
    { filter: normals([2, 2, 1, 2], 6), W: tf.mul(0.3, normals([18, 3], 7)) },
  );
}

function convolutions(): Curvature {
  const model = cnn({ filters: [2, 3] });
  // Smooth images: sums of a few waves.
  const waves = tf.sin(
    tf.mul(tf.range(1, 7).reshape([6, 1]), tf.range(0, 784).reshape([1, 784]).div(50)),
  );
  const x = tf.matMul(normals([20, 6], 5) as tf.Tensor2D, waves as tf.Tensor2D);
  const y = digits(20, 1, 10).y;
  return gaussNewton(
    {
      predict: (params: NamedTensors) => model.predict(params, x),
      loss: (z: tf.Tensor) => softmaxCrossEntropy(y, z as tf.Tensor2D),
    },
    model.init(1),
  );
}

/** A network of two layers on fixed rows, as the variables and the loss of an optimizer. */
function training(rows = 40) {
  const { x, y } = digits(rows, 20, 3);
  const model = mlp({ sizes: [20, 8, 3], activation: 'tanh' });
  const initial = model.init(1);
  const variables = Object.fromEntries(
    Object.entries(initial).map(([name, value]) => [name, tf.variable(value, true, name)]),
  );
  tf.dispose(initial);
  const loss = () => tf.tidy(() => softmaxCrossEntropy(y, markOutput(model.predict(variables, x))));
  return { variables, list: Object.values(variables), loss };
}

const curvature = 'gauss-newton';

const makers = { implicitSGD, implicitAdam };

describe.each(Object.entries(makers))('%s({ preconditioner })', (name, make) => {
  it('solves the same system: an accurate solve gives the same step', async () => {
    const ends: number[][] = [];
    for (const preconditioner of [undefined, kronecker({ every: 2 })]) {
      const { list, loss, variables } = training();
      const solver = cg({ tolerance: 1e-6, maxIterations: 200 });
      const optimizer = make(name === 'implicitSGD' ? 5 : 0.05, {
        curvature,
        solver,
        ...(preconditioner && { preconditioner }),
      });
      for (let t = 0; t < 5; t++) await optimizer.step(loss, list);
      ends.push(numbers(variables));
      optimizer.dispose();
      tf.disposeVariables();
    }
    ends[1]!.forEach((value, i) => {
      expect(value).toBeCloseTo(ends[0]![i]!, 3);
    });
  });

  it('works with a penalty too, under auto, and leaves nothing behind', async () => {
    const products = [];
    for (const preconditioner of [undefined, kronecker({ every: 4 })]) {
      const { list, loss, variables } = training();
      const decayed = () =>
        tf.tidy(() => tf.add(loss(), tf.mul(1e-4, tf.sum(tf.square(variables.W1!)))) as tf.Scalar);
      const solver = cg({ tolerance: 0.1, maxIterations: 100, best: 'energy' });
      const optimizer = make('auto', {
        curvature,
        initial: 50,
        solver,
        ...(preconditioner && { preconditioner }),
      });
      let count = 0;
      let held = 0;
      for (let t = 0; t < 12; t++) {
        const { products } = await optimizer.step(decayed, list);
        count += products;
        if (t === 7) held = tf.memory().numTensors;
      }
      products.push(count);
      expect(tf.memory().numTensors).toBeLessThanOrEqual(held);
      optimizer.dispose();
      tf.disposeVariables();
    }
    // Of implicit Adam the two runs come to rates tenfold apart by the last bits of a ratio.
    if (name === 'implicitSGD') expect(products[1]).toBeLessThan(0.8 * products[0]!);
  });

  it('frees its factors, and makes new ones for other variables', async () => {
    const { list, loss } = training();
    const optimizer = make(1, { curvature, preconditioner: kronecker() });
    const before = tf.memory().numTensors;
    await optimizer.step(loss, list);
    const held = tf.memory().numTensors;
    await optimizer.step(loss, list.slice(0, 2));
    await optimizer.step(loss, list.slice(0, 2));
    expect(tf.memory().numTensors).toBeLessThan(held);
    optimizer.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  it('is saved by its options', () => {
    const preconditioner = kronecker({ every: 7, probes: 3 });
    const optimizer = make('auto', { curvature, preconditioner });
    const saved = JSON.parse(JSON.stringify(optimizer.getConfig()));
    expect(saved.preconditioner).toEqual({
      name: 'kronecker',
      every: 7,
      probes: 3,
      rank: 128,
      seed: 0,
    });
    const Class = optimizer.constructor as typeof ImplicitSGD;
    const again = Class.fromConfig(Class, saved) as ImplicitSGD;
    expect(again.options.preconditioner).toEqual(preconditioner);
    again.options.preconditioner = kronecker({ every: 2 });
    expect(again.options.preconditioner!.every).toBe(2);
  });

  it('is refused where there are no such factors', () => {
    const preconditioner = kronecker();
    expect(() => make(1, { preconditioner })).toThrow(/hessian/);
    const closed = 'fisher-rank-one';
    expect(() => make(1, { curvature: closed, preconditioner })).toThrow(/fisher-rank-one/);
    expect(() => make(1, { curvature, preconditioner, solver: minres() })).toThrow(/minres/);
    const other = { name: 'diagonal' } as unknown as typeof preconditioner;
    expect(() => make(1, { curvature, preconditioner: other })).toThrow(/diagonal/);
  });
});

describe('the preconditioner', () => {
  it('of implicit Adam is as good after some steps, while D grows with 1 − β₁ᵗ alone', async () => {
    const iterationsOf = async (every: number) => {
      const { list, loss } = training();
      const before = list.map((variable) => variable.clone());
      const solver = cg({ tolerance: 0.01, maxIterations: 100, best: 'energy' });
      const preconditioner = kronecker({ every, probes: 20 });
      const optimizer = implicitAdam(0.5, { curvature, solver, preconditioner });
      let last = 0;
      for (let t = 0; t < 10; t++) {
        last = (await optimizer.step(loss, list)).iterations;
        list.forEach((variable, i) => {
          variable.assign(before[i]!);
        });
      }
      optimizer.dispose();
      tf.dispose(before);
      tf.disposeVariables();
      return last;
    };
    // Made at the first step alone, and at the last one too.
    expect(await iterationsOf(100)).toBeLessThanOrEqual((await iterationsOf(9)) + 1);
  });

  it('waits for nothing where numbers cannot be read at once: it is the identity until they have come', async () => {
    const C = classifier(mlp({ sizes: [20, 8, 3], activation: 'tanh' }), 20);
    vi.spyOn(tensors, 'readableNow').mockReturnValue(false);
    const read = vi.spyOn(tf.Tensor.prototype, 'dataSync');
    const preconditioner = new Preconditioner();
    const step = { delta: 30, like: C.gradient, factors: C.cut };
    const first = preconditioner.at(kronecker(), step).apply(C.gradient);
    expect(read).not.toHaveBeenCalled();
    await manyTurns();
    const later = preconditioner.at(kronecker(), step).apply(C.gradient);
    expect(read).not.toHaveBeenCalled();
    expect(numbers(first)).toEqual(numbers(C.gradient));
    expect(Math.hypot(...numbers(later))).toBeLessThan(0.5 * Math.hypot(...numbers(C.gradient)));
    // Those that come after it was disposed are dropped.
    preconditioner.dispose();
    const held = tf.memory().numTensors;
    preconditioner.at(kronecker(), step);
    preconditioner.dispose();
    await manyTurns();
    expect(tf.memory().numTensors).toBe(held);
  });

  it('a renewal that is broken off leaves nothing behind, and is done again with the same samples', () => {
    const C = classifier(mlp({ sizes: [20, 8, 3], activation: 'tanh' }), 20);
    const options = kronecker({ probes: 3 });
    const step = { delta: 30, like: C.gradient, factors: C.cut };
    const expected = numbers(new Preconditioner().at(options, step).apply(C.gradient));
    const before = tf.memory().numTensors;
    let pauses = 1;
    for (let isWhole = false; !isWhole; pauses += 3) {
      const preconditioner = new Preconditioner();
      const work = preconditioner.atInPieces(options, step);
      for (let i = 0; i < pauses && !isWhole; i++) isWhole = work.next().done === true;
      if (!isWhole) {
        work.return({ apply: (v) => v, dispose() {} });
        expect(tf.memory().numTensors).toBe(before);
        expect(preconditioner.isDue(options)).toBe(true);
      }
      const M = preconditioner.at(options, step);
      expect(tf.tidy(() => numbers(M.apply(C.gradient)))).toEqual(expected);
      preconditioner.dispose();
      expect(tf.memory().numTensors).toBe(before);
    }
    // A turn before each sample, each of its parameters, and each factor.
    expect(pauses).toBeGreaterThan(3 * 5 + 4 * 2);
  });

  it('is refused with exact steps, and for counts that are none', () => {
    const preconditioner = kronecker();
    expect(() => implicitSGD(1, { curvature, preconditioner, exact: true })).toThrow(/exact/);
    expect(() => kronecker({ every: 0 })).toThrow(/every/);
    expect(() => kronecker({ probes: 1.5 })).toThrow(/probes/);
    expect(() => kronecker({ rang: 3 } as object)).toThrow(/rang/);
  });
});

it('an option that is undefined is the default', () => {
  const options = { every: undefined, seed: 3 };
  expect(kronecker(options as object)).toEqual({ ...kronecker(), seed: 3 });
});
