import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { hessian, markOutput } from '../autodiff';
import { InputError, NotFiniteError } from '../errors';
import { random } from '../numbers';
import { cg } from '../solvers';
import {
  drops,
  ImplicitSGD,
  type ImplicitSgdOptions,
  implicitSGD,
  proximalStep,
  type Schedule,
  withOutput,
} from '.';

beforeAll(async () => {
  await tf.setBackend('cpu');
});
afterEach(() => {
  tf.disposeVariables();
});

const tight = cg({ tolerance: 1e-6, maxIterations: 50 });
const numbers = (x: tf.Tensor) => [...x.dataSync()];
const close = (actual: tf.Tensor | number[], expected: number[], digits = 4) => {
  const got = Array.isArray(actual) ? actual : numbers(actual);
  expect(got.length).toBe(expected.length);
  got.forEach((value, i) => {
    expect(value).toBeCloseTo(expected[i]!, digits);
  });
};

/** F(a, b) = ½ (3a² + 2ab + 2b²) − a, whose Hessian [[3, 1], [1, 2]] couples a and b. */
function coupled() {
  const a = tf.variable(tf.tensor1d([1]), true, 'a');
  const b = tf.variable(tf.tensor1d([2]), true, 'b');
  const loss = () =>
    tf.tidy(() =>
      tf.sum(tf.sub(tf.add(tf.mul(1.5, tf.square(a)), tf.add(tf.mul(a, b), tf.square(b))), a)),
    ) as tf.Scalar;
  return { a, b, loss, gradient: [3 + 2 - 1, 1 + 4] as const };
}

/** (I + δ [[p, q], [q, r]])⁻¹ g by Cramer's rule. */
function solve2([p, q, r]: [number, number, number], delta: number, g: readonly [number, number]) {
  const [m11, m12, m22] = [1 + delta * p, delta * q, 1 + delta * r];
  const det = m11 * m22 - m12 * m12;
  return [(m22 * g[0] - m12 * g[1]) / det, (m11 * g[1] - m12 * g[0]) / det] as const;
}

describe('the step', () => {
  it.each([1e-3, 0.2, 1, 10, 1000])('is (I + δH)⁻¹ g on a quadratic, δ = %f', (delta) => {
    const { a, b, loss, gradient } = coupled();
    implicitSGD(delta, { solver: tight }).minimize(loss);
    const s = solve2([3, 1, 2], delta, gradient);
    close(a, [1 - delta * s[0]]);
    close(b, [2 - delta * s[1]]);
  });

  it('leaves the rest of the Hessian out of a block, and moves the others by the gradient', () => {
    const { a, b, loss, gradient } = coupled();
    implicitSGD(0.5, { parameters: ['b'], solver: tight }).minimize(loss);
    close(a, [1 - 0.5 * gradient[0]]);
    close(b, [2 - (0.5 * gradient[1]) / (1 + 0.5 * 2)]);
  });

  it('leaves frozen parameters alone', () => {
    const { a, b, loss, gradient } = coupled();
    implicitSGD(0.5, { parameters: (name) => name === 'b', others: 'frozen' }).minimize(loss);
    close(a, [1], 12);
    close(b, [2 - (0.5 * gradient[1]) / 2]);
  });

  it('is the shortened gradient step for the curvature g gᵀ', () => {
    const { a, b, loss, gradient } = coupled();
    implicitSGD(3, { curvature: 'fisher-rank-one' }).minimize(loss);
    const shrink = 3 / (1 + 3 * (gradient[0] ** 2 + gradient[1] ** 2));
    close(a, [1 - shrink * gradient[0]]);
    close(b, [2 - shrink * gradient[1]]);
  });

  it('with Gauss–Newton is the Hessian step where the model is linear', async () => {
    const x = tf.tensor2d(Float32Array.from(random(1).normals(60)), [20, 3]);
    const y = tf.oneHot(
      tf.tensor1d(
        Int32Array.from({ length: 20 }, (_, i) => i % 4),
        'int32',
      ),
      4,
    );
    const stepped = (['hessian', 'gauss-newton'] as const).map((curvature) => {
      const W = tf.variable(tf.zeros([3, 4]), true, `W ${curvature}`);
      const loss = () =>
        tf.tidy(() => {
          const z = markOutput(tf.matMul(x, W));
          const shifted = tf.sub(z, tf.log(tf.sum(tf.exp(z), 1, true)));
          return tf.neg(tf.mean(tf.sum(tf.mul(y, shifted), 1))) as tf.Scalar;
        });
      implicitSGD(5, { curvature, solver: tight }).minimize(loss, false, [W]);
      return numbers(W);
    });
    close(stepped[0]!, stepped[1]!);
    expect(Math.hypot(...stepped[0]!)).toBeGreaterThan(0.1);
  });

  it('follows its schedule', () => {
    const x = tf.variable(tf.scalar(8), true, 'x');
    const loss = () => tf.mul(0.5, tf.square(x)) as tf.Scalar;
    const optimizer = implicitSGD(1, { schedule: drops([1], 1 / 3), solver: tight });
    optimizer.minimize(loss);
    close(x, [4]);
    optimizer.minimize(loss);
    close(x, [3]);
  });

  it('takes a new rate from the next step on, and refuses a wrong one', () => {
    const x = tf.variable(tf.scalar(8), true, 'x');
    const optimizer = implicitSGD(1, { solver: tight });
    optimizer.setLearningRate(3);
    optimizer.minimize(() => tf.mul(0.5, tf.square(x)) as tf.Scalar);
    close(x, [2]);
    expect(() => optimizer.setLearningRate(-5)).toThrow(/learning rate -5/);
    expect(optimizer.learningRate).toBe(3);
  });

  it('meets negative curvature with a bounded step, and says so', async () => {
    const x = tf.variable(tf.scalar(0.5), true, 'x');
    const optimizer = implicitSGD(100);
    const stats = await optimizer.step(() => tf.cos(tf.mul(3, x)) as tf.Scalar);
    expect(stats.status).toBe('negative-curvature');
    expect(Math.abs(numbers(x)[0]! - 0.5)).toBeLessThanOrEqual(Math.sqrt(100) / 2);
    expect(numbers(x)[0]!).not.toBe(0.5);
  });
});

it('does not run away where the loss bends down by just less than 1/δ', async () => {
  const x = tf.variable(tf.tensor1d([1, 1]), true, 'x');
  const loss = () =>
    tf.tidy(() => {
      const squares = tf.square(x);
      const bowl = tf.mul(squares, tf.tensor1d([0.5, -0.15]));
      return tf.sum(tf.add(bowl, tf.mul(0.01, tf.square(squares)))) as tf.Scalar;
    });
  // Along the second axis 1 + δλ = 1 − 5 · 0.18 = 0.1: the solution lies thirteen away, at a loss of 384.
  const before = numbers(loss())[0]!;
  const { status } = await implicitSGD(5).step(loss);
  expect(status).toBe('negative-curvature');
  expect(numbers(loss())[0]!).toBeLessThan(before);
});

describe('the exact step', () => {
  const root = (x: tf.Variable) => () => tf.sqrt(tf.add(1, tf.square(x))) as tf.Scalar;

  it('is stable on √(1 + x²), where the linearised step is not', async () => {
    const x = tf.variable(tf.scalar(2), true, 'x');
    const path: number[] = [];
    const linearised = implicitSGD(50, { solver: tight });
    for (let k = 0; k < 4; k++) {
      linearised.minimize(root(x));
      path.push(numbers(x)[0]!);
    }
    const expected: number[] = [];
    for (let k = 0, at = 2; k < 4; k++) {
      const slope = Math.sqrt(1 + at * at);
      at -= (50 * at) / slope / (1 + 50 / slope ** 3);
      expected.push(at);
    }
    close(path, expected, 2);
    expect(path.map(Math.round)).toEqual([-6, 35, -15, 34]);

    x.assign(tf.scalar(2));
    const exact = implicitSGD(50, { exact: true, solver: tight });
    await exact.step(root(x));
    expect(numbers(x)[0]!).toBeCloseTo(0.039, 3);
    const { status } = await exact.step(root(x));
    expect(status).toBe('converged');
    expect(numbers(x)[0]!).toBeCloseTo(0.0008, 4);
  });

  it.each([1e-3, 1e-1, 10, 1e3])(
    'never lets the proximal objective rise, δ = %f',
    async (delta) => {
      for (const seed of [1, 2, 3, 4, 5]) {
        const start = random(seed).normals(4);
        const x = tf.variable(tf.tensor1d(Float32Array.from(start)), true, `x${seed}`);
        const F = (v: tf.Tensor) =>
          tf.sum(tf.add(tf.sin(tf.mul(3, v)), tf.mul(0.1, tf.square(v)))) as tf.Scalar;
        const before = numbers(F(x))[0]!;
        await implicitSGD(delta, { exact: true }).step(() => F(x), [x]);
        const moved = numbers(x).reduce((sum, value, i) => sum + (value - start[i]!) ** 2, 0);
        expect(numbers(F(x))[0]! + moved / (2 * delta)).toBeLessThanOrEqual(before + 1e-5);
      }
    },
  );

  it('moves the others by the gradient at the start, and leaves frozen ones', async () => {
    for (const others of ['explicit', 'frozen'] as const) {
      const { a, b, loss, gradient } = coupled();
      await implicitSGD(0.5, { exact: true, parameters: ['b'], others, solver: tight }).step(loss);
      close(a, [others === 'explicit' ? 1 - 0.5 * gradient[0] : 1]);
      close(b, [2 - (0.5 * gradient[1]) / 2]);
      tf.disposeVariables();
    }
  });

  it('works on functions of named tensors too', async () => {
    const F = ({ x }: Record<string, tf.Tensor>) => tf.sum(tf.square(x!)) as tf.Scalar;
    const problem = { loss: F, curvatureAt: (y: Record<string, tf.Tensor>) => hessian(F, y) };
    const { value } = await proximalStep(problem, { x: tf.tensor1d([3, -6]) }, 1, {
      solver: tight,
    });
    close(value.x!, [1, -2]);
  });

  it('gives the weights back when the loss fails on the way', async () => {
    const x = tf.variable(tf.tensor1d([4]), true, 'x');
    let calls = 0;
    const loss = () => {
      if (++calls === 3) throw new Error('lost');
      return tf.sum(tf.square(tf.square(x))) as tf.Scalar;
    };
    await expect(implicitSGD(1, { exact: true }).step(loss)).rejects.toThrow('lost');
    close(x, [4], 12);
  });

  it('asked for while another is under way, waits for it, and outlives its failure', async () => {
    const x = tf.variable(tf.tensor1d([4]), true, 'x');
    const loss = () => tf.sum(tf.square(tf.square(x))) as tf.Scalar;
    const inTurn = implicitSGD(1, { exact: true });
    for (let k = 0; k < 2; k++) await inTurn.step(loss);
    const expected = numbers(x);

    x.assign(tf.tensor1d([4]));
    let calls = 0;
    const lost = () => {
      if (++calls === 3) throw new Error('lost');
      return loss();
    };
    const optimizer = implicitSGD(1, { exact: true });
    const steps = [loss, lost, loss].map((f) => optimizer.step(f));
    const ends = await Promise.allSettled(steps);
    expect(ends.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    close(x, expected, 6);
  });

  it.each([0, 1000])(
    'meets its equation also where %f hides how far the loss falls',
    async (offset) => {
      const rows = tf.tensor2d([
        [1, 2],
        [3, -1],
        [-2, 0.5],
      ]);
      const x = tf.variable(tf.tensor1d([1, -1]), true, 'x');
      const loss = () =>
        tf.tidy(
          () => tf.add(offset, tf.mean(tf.softplus(tf.sum(tf.mul(rows, x), 1)))) as tf.Scalar,
        );
      const optimizer = implicitSGD(100, { exact: true });
      for (let k = 0; k < 3; k++) expect((await optimizer.step(loss)).status).toBe('converged');
    },
  );

  it('is refused where nobody can wait', () => {
    const { loss } = coupled();
    expect(() => implicitSGD(1, { exact: true }).minimize(loss)).toThrow(/await optimizer\.step/);
  });
});

describe('on convex problems no learning rate is too large', () => {
  const x = () => tf.tensor2d(Float32Array.from(random(4).normals(200)), [50, 4]);
  it.each([1e-3, 1e-2, 0.1, 1, 10, 100, 1e3])('logistic regression, δ = %f', (delta) => {
    const data = x();
    const y = tf.cast(tf.greater(tf.sum(data, 1), 0.3), 'float32');
    const w = tf.variable(tf.zeros([4]), true, 'w');
    const loss = () =>
      tf.tidy(() => {
        const z = tf.sum(tf.mul(data, w), 1);
        return tf.mean(tf.sub(tf.softplus(z), tf.mul(y, z))) as tf.Scalar;
      });
    const optimizer = implicitSGD(delta);
    for (let k = 0; k < 20; k++) optimizer.minimize(loss);
    const final = numbers(loss())[0]!;
    expect(Number.isFinite(final)).toBe(true);
    expect(numbers(w).every(Number.isFinite)).toBe(true);
  });
});

describe('as a drop-in', () => {
  it('evaluates the loss exactly once a step, and returns its value from before', () => {
    const { loss } = coupled();
    let calls = 0;
    const counted = () => {
      calls += 1;
      return loss();
    };
    const before = numbers(loss())[0]!;
    const cost = implicitSGD(1).minimize(counted, true)!;
    expect(calls).toBe(1);
    expect(numbers(cost)[0]!).toBeCloseTo(before, 5);
  });

  it('leaks nothing over a hundred steps', async () => {
    const { loss } = coupled();
    const optimizer = implicitSGD(0.1);
    optimizer.minimize(loss);
    const before = tf.memory();
    for (let k = 0; k < 100; k++) optimizer.minimize(loss, true)!.dispose();
    expect(tf.memory().numTensors).toBe(before.numTensors);
    await optimizer.lastStep();
    optimizer.dispose();
    expect(tf.memory().numTensors).toBeLessThanOrEqual(before.numTensors);
  });

  const data = () => {
    const x = tf.tensor2d(Float32Array.from(random(9).normals(300)), [60, 5]);
    const label = tf.cast(tf.greater(tf.sum(x, 1), 0), 'int32') as tf.Tensor1D;
    return { x, y: tf.oneHot(label, 2) };
  };
  const crossEntropy = (y: tf.Tensor, z: tf.Tensor) =>
    tf.tidy(() => {
      const lse = tf.log(tf.sum(tf.exp(z), 1, true));
      return tf.neg(tf.sum(tf.mul(y, tf.sub(z, lse)), 1));
    });
  const network = (options: ImplicitSgdOptions) => {
    const model = tf.sequential();
    const kernelInitializer = tf.initializers.glorotUniform({ seed: 3 });
    model.add(
      tf.layers.dense({ units: 6, activation: 'tanh', inputShape: [5], kernelInitializer }),
    );
    model.add(tf.layers.dropout({ rate: 0.1, seed: 2 }));
    model.add(tf.layers.dense({ units: 2, kernelInitializer }));
    model.compile({ optimizer: implicitSGD(1, options), loss: withOutput(crossEntropy) });
    return model;
  };

  it.each([['hessian'], ['gauss-newton'], ['fisher-rank-one']] as const)(
    'model.fit trains with %s, and leaks nothing',
    async (curvature) => {
      const { x, y } = data();
      const model = network({ curvature });
      const fit = () => model.fit(x, y, { epochs: 4, batchSize: 20, shuffle: false, verbose: 0 });
      const first = await fit();
      const before = tf.memory().numTensors;
      const second = await fit();
      expect(tf.memory().numTensors).toBe(before);
      const losses = [...first.history.loss!, ...second.history.loss!] as number[];
      expect(losses.at(-1)!).toBeLessThan(losses[0]! / 2);
    },
  );

  it('is saved with the model, its parameters by place, and goes on where it was', async () => {
    const { x, y } = data();
    const model = network({
      curvature: 'gauss-newton',
      parameters: (name) => name.includes('bias'),
      solver: cg({ tolerance: 1e-4, maxIterations: 7 }),
      schedule: drops([100]),
    });
    await model.fit(x, y, { epochs: 1, batchSize: 20, verbose: 0 });
    const config = model.optimizer.getConfig();
    let artifacts: tf.io.ModelArtifacts | undefined;
    await model.save(
      tf.io.withSaveHandler(async (saved) => {
        artifacts = saved;
        return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } };
      }),
      { includeOptimizer: true },
    );
    expect(artifacts!.trainingConfig).toBeDefined();

    const copy = ImplicitSGD.fromConfig<ImplicitSGD>(ImplicitSGD, config);
    expect(copy.getConfig()).toEqual(config);
    expect(copy.options.parameters).toEqual({ places: [1, 3] });
    expect({ ...copy.options.solver }).toEqual({ ...cg({ tolerance: 1e-4, maxIterations: 7 }) });
    await copy.setWeights(await model.optimizer.getWeights());
    expect(copy.iterations).toBe(3);
  });
});

describe('bad input is refused, with the weights as they were', () => {
  it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])('a learning rate of %f', (rate) => {
    expect(() => implicitSGD(rate)).toThrow(/learning rate/);
  });
  it('an unknown parameter', () => {
    const { a, loss } = coupled();
    expect(() => implicitSGD(1, { parameters: ['c'] }).minimize(loss)).toThrow(/a, b.*'c'/s);
    close(a, [1], 12);
  });
  it('a choice of nothing', () => {
    const { loss } = coupled();
    expect(() => implicitSGD(1, { parameters: () => false }).minimize(loss)).toThrow(/no param/);
  });
  it('a loss that is not a scalar', () => {
    const { a } = coupled();
    expect(() => implicitSGD(1).minimize(() => tf.square(a) as unknown as tf.Scalar)).toThrow(
      /scalar/,
    );
  });
  it('a loss of NaN, without a leak', () => {
    const { a, b } = coupled();
    const loss = () => tf.sum(tf.add(tf.log(tf.neg(a)), tf.square(b))) as tf.Scalar;
    const step = () => expect(() => implicitSGD(1).minimize(loss)).toThrow(NotFiniteError);
    step();
    const before = tf.memory().numTensors;
    step();
    expect(tf.memory().numTensors).toBe(before);
    close(a, [1], 12);
    close(b, [2], 12);
  });
  it('a step that overflows', () => {
    const x = tf.variable(tf.scalar(1), true, 'x');
    const y = tf.variable(tf.scalar(1), true, 'y');
    const loss = () => tf.add(tf.mul(1e30, x), y) as tf.Scalar;
    const step = () => implicitSGD(1e10, { parameters: ['y'] }).minimize(loss);
    expect(step).toThrow(NotFiniteError);
    close(x, [1], 12);
    close(y, [1], 12);
  });
  it('not a step that is long, but finite', () => {
    const x = tf.variable(tf.scalar(1), true, 'x');
    const y = tf.variable(tf.scalar(1), true, 'y');
    const loss = () => tf.add(tf.mul(1e25, x), y) as tf.Scalar;
    implicitSGD(10, { parameters: ['y'] }).minimize(loss);
    expect(x.dataSync()[0]! / -1e26).toBeCloseTo(1, 5);
  });
  it('lastStep before there was one', async () => {
    await expect(implicitSGD(1).lastStep()).rejects.toThrow(/before any step/);
  });
  it('gradients alone', () => {
    expect(() => implicitSGD(1).applyGradients()).toThrow(/minimize/);
  });
  it('Gauss–Newton without the cut', () => {
    const { loss } = coupled();
    expect(() => implicitSGD(1, { curvature: 'gauss-newton' }).minimize(loss)).toThrow(
      /withOutput/,
    );
  });
});

describe('on a stiff convex quadratic the loss falls although the solver is cut off', () => {
  /** F = ½ Σ λᵢ xᵢ² with λ from 1 to 1e5, at xᵢ = 1/λᵢ: CG's residual grows for many iterations. */
  const stiff = () => {
    const lambda = Float32Array.from({ length: 40 }, (_, i) => 10 ** ((5 * i) / 39));
    const weights = tf.tensor1d(lambda);
    const x = tf.variable(tf.div(1, weights), true, 'x');
    const loss = () =>
      tf.tidy(() => tf.mul(0.5, tf.sum(tf.mul(weights, tf.square(x)))) as tf.Scalar);
    return { x, loss };
  };

  it.each([0.01, 1, 10, 100])('linearised, δ = %f', (delta) => {
    const { loss } = stiff();
    const optimizer = implicitSGD(delta);
    let before = numbers(loss())[0]!;
    for (let k = 0; k < 10; k++) {
      optimizer.minimize(loss);
      const after = numbers(loss())[0]!;
      expect(after).toBeLessThan(before);
      before = after;
    }
  });

  it.each([1, 10])('exact, δ = %f', async (delta) => {
    const { loss } = stiff();
    const before = numbers(loss())[0]!;
    const { iterations } = await implicitSGD(delta, { exact: true }).step(loss);
    expect(iterations).toBeGreaterThan(0);
    expect(numbers(loss())[0]!).toBeLessThan(0.9 * before);
  });
});

describe('what a saved optimizer could not restore is refused', () => {
  it('a preconditioner, when saving', () => {
    const preconditioner = { apply: <V>(v: V) => v, dispose() {} };
    const optimizer = implicitSGD(1, { solver: cg({ preconditioner }) });
    expect(() => optimizer.getConfig()).toThrow(/preconditioner/);
  });
  it.each([
    [{ curvature: 'gaussnewton' }, /gaussnewton/],
    [{ others: 'freeze' }, /freeze/],
    [{ dampening: 1 }, /dampening/],
  ])('misspelt options: %j', (options, message) => {
    expect(() => implicitSGD(1, options as ImplicitSgdOptions)).toThrow(message);
  });
});

it.each([
  [{ name: 'cosine' }, /the schedule 'cosine'/],
  [{ name: 'inverse-time', rate: Number.NaN }, /NaN/],
])('a schedule that gives no factor is refused when it is handed over: %j', (schedule, message) => {
  const make = () => implicitSGD(1, { schedule: schedule as Schedule });
  expect(make).toThrow(InputError);
  expect(make).toThrow(message);
});

it('a function that gives no factor is refused at its step, the loss unasked', () => {
  const x = tf.variable(tf.scalar(1), true, 'x');
  let calls = 0;
  const loss = () => {
    calls += 1;
    return tf.square(x) as tf.Scalar;
  };
  const optimizer = implicitSGD(1, { schedule: () => Number.NaN });
  expect(() => optimizer.minimize(loss)).toThrow(InputError);
  expect(() => optimizer.minimize(loss)).toThrow(/the schedule function at step 0/);
  expect(calls).toBe(0);
});

it('an exact step of a block leaks nothing', async () => {
  const { loss } = coupled();
  const optimizer = implicitSGD(0.1, { exact: true, parameters: ['b'], solver: tight });
  await optimizer.step(loss);
  const before = tf.memory().numTensors;
  for (let k = 0; k < 10; k++) await optimizer.step(loss);
  expect(tf.memory().numTensors).toBe(before);
});

it('an enormous rate is no reason to refuse a small step', () => {
  const x = tf.variable(tf.tensor1d([3, -2]), true, 'x');
  implicitSGD(1e20).minimize(() => tf.mul(0.5, tf.sum(tf.square(x))) as tf.Scalar);
  close(x, [0, 0]);
});

it.each([1e-25, 1e-12, 1e12])(
  'the step is the same in any unit of x, or of the loss: %f',
  (unit) => {
    const loss = (x: tf.Variable, scale: number) => () =>
      tf.tidy(() => tf.mul(scale / 2, tf.sum(tf.mul([1, 4], tf.square(x)))) as tf.Scalar);
    const inUnits = tf.variable(tf.tensor1d([3 * unit, -2 * unit]), true, 'in units');
    implicitSGD(10, { solver: tight }).minimize(loss(inUnits, 1), false, [inUnits]);
    close(
      numbers(inUnits).map((value) => value / unit),
      [3 / 11, -2 / 41],
    );
    const ofLoss = tf.variable(tf.tensor1d([3, -2]), true, 'of the loss');
    implicitSGD(10 / unit, { solver: tight }).minimize(loss(ofLoss, unit), false, [ofLoss]);
    close(ofLoss, [3 / 11, -2 / 41]);
  },
);
