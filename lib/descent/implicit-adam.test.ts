import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { InputError, NotFiniteError } from '../errors';
import { random } from '../numbers';
import { cg, dense, minres } from '../solvers';
import { mapTensors, type NamedTensors } from '../spaces';
import { drops, ImplicitAdam, type ImplicitAdamOptions, implicitAdam, implicitSGD } from '.';
import { adamDirection } from './adam-direction';
import { atOnce } from './asking';
import { linearisedDirection } from './implicit-step';

beforeAll(async () => {
  await tf.setBackend('cpu');
});
afterEach(() => {
  tf.disposeVariables();
});

const tight = cg({ tolerance: 1e-6, maxIterations: 50 });
const numbers = (x: tf.Tensor) => [...x.dataSync()];
const normal = (count: number, seed: number) => Float32Array.from(random(seed).normals(count));

/** Adam in double precision: Kingma & Ba 2015, algorithm 1. */
function plainAdam(rate: number, { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-7 } = {}) {
  let [m, v, t] = [0, 0, 0];
  return (x: number, g: number) => {
    t += 1;
    m = beta1 * m + (1 - beta1) * g;
    v = beta2 * v + (1 - beta2) * g * g;
    return x - (rate * (m / (1 - beta1 ** t))) / (Math.sqrt(v / (1 - beta2 ** t)) + epsilon);
  };
}

/** F(x) = ½ Σ λᵢ (xᵢ − 1)², and its gradient. */
function quadratic(lambda: number[], start: number[]) {
  const weights = tf.tensor1d(lambda);
  const x = tf.variable(tf.tensor1d(start), true, 'x');
  const loss = () =>
    tf.tidy(() => tf.mul(0.5, tf.sum(tf.mul(weights, tf.square(tf.sub(x, 1))))) as tf.Scalar);
  return { x, loss, gradient: (at: number[]) => at.map((value, i) => lambda[i]! * (value - 1)) };
}

/** m and v as the optimizer would save them. */
async function moments(optimizer: ImplicitAdam) {
  const [iterations, m, v] = await optimizer.getWeights();
  iterations!.tensor.dispose();
  return { m: numbers(m!.tensor), v: numbers(v!.tensor) };
}

describe('where the loss has no curvature it is Adam', () => {
  it.each([
    ['with the usual constants', {}],
    ['with other constants', { beta1: 0.5, beta2: 0.9, epsilon: 1e-3 }],
  ])('%s, to rounding, with the biases corrected', (_, options) => {
    const size = 6;
    const start = [...normal(size, 1)];
    const x = tf.variable(tf.tensor1d(start), true, 'x');
    const optimizer = implicitAdam(0.1, options);
    const reference = start.map(() => plainAdam(0.1, options));
    let expected = start;
    for (let t = 0; t < 30; t++) {
      const slope = normal(size, 100 + t);
      optimizer.minimize(() => tf.tidy(() => tf.sum(tf.mul(tf.tensor1d(slope), x)) as tf.Scalar));
      expected = expected.map((value, i) => reference[i]!(value, slope[i]!));
      numbers(x).forEach((value, i) => {
        expect(Math.abs(value - expected[i]!)).toBeLessThan(2e-6);
      });
    }
  });

  it('takes the steps of tf.train.adam', () => {
    const paths = [implicitAdam(0.1), tf.train.adam(0.1)].map((optimizer, which) => {
      const x = tf.variable(tf.tensor1d(normal(5, 2)), true, `x${which}`);
      for (let t = 0; t < 10; t++) {
        const slope = tf.tensor1d(normal(5, t));
        optimizer.minimize(() => tf.sum(tf.mul(slope, x)) as tf.Scalar, false, [x]);
      }
      return numbers(x);
    });
    // TensorFlow.js rounds 1 − β₂ᵗ to single precision, which is 5e-5 of it at first.
    paths[0]!.forEach((value, i) => {
      expect(value).toBeCloseTo(paths[1]![i]!, 4);
    });
  });
});

describe('without momentum and scales it is implicit gradient descent', () => {
  it('exactly, for D = I', () => {
    const A = [
      [3, 1, 0],
      [1, 2, -0.5],
      [0, -0.5, 4],
    ];
    const curvature = {
      apply: ({ x }: NamedTensors) => ({ x: tf.dot(tf.tensor2d(A), x as tf.Tensor1D) }),
      dispose() {},
    };
    const gradient = { x: tf.tensor1d([1, -2, 3]) };
    const scale = { x: tf.ones([3]) };
    const rest = { curvature, gradient, momentum: gradient, scale, beta1: 0 };
    const adam = atOnce(adamDirection({ ...rest, stepSize: 2 }, tight));
    const sgd = atOnce(linearisedDirection(curvature, gradient, 2, tight));
    expect(numbers(adam.value.x!)).toEqual(numbers(sgd.value.x!));
  });

  it('in the limit of a large ε, with δ measured in it', () => {
    const epsilon = 1e5;
    const paths = [
      implicitAdam(0.7 * epsilon, { beta1: 0, epsilon, solver: tight }),
      implicitSGD(0.7, { solver: tight }),
    ].map((optimizer) => {
      const { x, loss } = quadratic([0.1, 1, 10], [3, -2, 2]);
      for (let t = 0; t < 5; t++) optimizer.minimize(loss);
      const reached = numbers(x);
      x.dispose();
      return reached;
    });
    paths[0]!.forEach((value, i) => {
      expect(value).toBeCloseTo(paths[1]![i]!, 3);
    });
    expect(paths[1]![2]).not.toBeCloseTo(2, 1);
  });
});

describe('the step is backward Euler in position and momentum', () => {
  it.each([0.01, 1, 100])(
    'x⁺ = x − δkD⁻¹m⁺ with m⁺ from the slope at x⁺, δ = %f',
    async (delta) => {
      const { x, loss, gradient } = quadratic([0.5, 3, 20], [3, -2, 2]);
      const optimizer = implicitAdam(delta, { solver: tight });
      let m = [0, 0, 0];
      for (let t = 1; t <= 4; t++) {
        const before = numbers(x);
        optimizer.minimize(loss);
        const after = numbers(x);
        const kept = await moments(optimizer);
        const slope = gradient(after);
        kept.m.forEach((value, i) => {
          const expected = 0.9 * m[i]! + 0.1 * slope[i]!;
          expect(Math.abs(value - expected)).toBeLessThan(
            2e-4 * (1 + Math.abs(gradient(before)[i]!)),
          );
          const scale = Math.sqrt(kept.v[i]! / (1 - 0.999 ** t)) + 1e-7;
          const expectedMove = (-delta * value) / (1 - 0.9 ** t) / scale;
          expect(Math.abs(after[i]! - before[i]! - expectedMove)).toBeLessThan(
            1e-5 * (1 + Math.abs(expectedMove)),
          );
        });
        m = kept.m;
      }
    },
  );

  it.each([0.1, 10, 1e4])(
    'with D held it multiplies (x, m) by a matrix of the trace and determinant of theory, q = %f',
    (q) => {
      const [beta1, lambda, d] = [0.9, 2, 0.5];
      const stepSize = (q * d) / ((1 - beta1) * lambda);
      const step = (x: number, m: number) => {
        const gradient = { x: tf.tensor1d([lambda * x]) };
        const { value, momentum } = atOnce(
          adamDirection(
            {
              curvature: { apply: (v) => mapTensors(v, (t) => tf.mul(t, lambda)), dispose() {} },
              gradient,
              momentum: { x: tf.tensor1d([beta1 * m + (1 - beta1) * lambda * x]) },
              scale: { x: tf.tensor1d([d]) },
              stepSize,
              beta1,
            },
            tight,
          ),
        );
        return [x - stepSize * numbers(value.x!)[0]!, numbers(momentum.x!)[0]!] as const;
      };
      const [[a, c], [b, e]] = [step(1, 0), step(0, 1)];
      expect(a + e).toBeCloseTo((1 + beta1) / (1 + q), 4);
      expect(a * e - b * c).toBeCloseTo(beta1 / (1 + q), 4);
    },
  );

  it('is stable where Adam is not, and forgets a stiff direction', async () => {
    const ends = [implicitAdam(3, { beta2: 0.9 }), tf.train.adam(3, 0.9, 0.9)].map((optimizer) => {
      const { x, loss } = quadratic([1, 30, 1000], [2, 2, 2]);
      for (let t = 0; t < 60; t++) optimizer.minimize(loss);
      const value = numbers(loss())[0]!;
      x.dispose();
      return value;
    });
    expect(ends[0]).toBeLessThan(1e-3);
    expect(ends[1]).toBeGreaterThan(1);
  });

  it('does not depend on which solver solves', () => {
    const paths = [tight, minres({ tolerance: 1e-6 }), dense()].map((solver) => {
      const { x, loss } = quadratic([0.5, 3, 20], [3, -2, 2]);
      const optimizer = implicitAdam(1, { solver });
      for (let t = 0; t < 5; t++) optimizer.minimize(loss);
      const reached = numbers(x);
      x.dispose();
      return reached;
    });
    for (const path of paths.slice(1)) {
      path.forEach((value, i) => {
        expect(value).toBeCloseTo(paths[0]![i]!, 3);
      });
    }
  });

  it('solves in closed form for the curvature g gᵀ', () => {
    const gradient = { x: tf.tensor1d([1, -2]) };
    const [beta1, stepSize] = [0.9, 3];
    const [m, d] = [
      [0.4, 0.1],
      [0.5, 4],
    ] as const;
    const { value, momentum } = atOnce(
      adamDirection(
        {
          curvature: { apply: (v) => v, dispose() {} },
          gradient,
          momentum: { x: tf.tensor1d([...m]) },
          scale: { x: tf.tensor1d([...d]) },
          stepSize,
          beta1,
        },
        'rank-one',
      ),
    );
    // What is left of (D + δ(1 − β₁) g gᵀ) s = m̃, and of m⁺ = D s.
    const s = numbers(value.x!);
    const along = s[0]! - 2 * s[1]!;
    const shift = stepSize * (1 - beta1);
    [1, -2].forEach((g, i) => {
      expect(d[i]! * s[i]! + shift * g * along).toBeCloseTo(m[i]!, 5);
      expect(numbers(momentum.x!)[i]!).toBeCloseTo(d[i]! * s[i]!, 5);
    });
  });

  it('meets negative curvature with a bounded step, and says so', async () => {
    const x = tf.variable(tf.scalar(0.5), true, 'x');
    const stats = await implicitAdam(100).step(() => tf.cos(tf.mul(3, x)) as tf.Scalar);
    expect(stats.status).toBe('negative-curvature');
    expect(Math.abs(numbers(x)[0]! - 0.5)).toBeLessThan(100);
    expect(numbers(x)[0]!).not.toBe(0.5);
  });
});

describe('blocks', () => {
  const two = () => {
    const a = tf.variable(tf.tensor1d([1]), true, 'a');
    const b = tf.variable(tf.tensor1d([2]), true, 'b');
    const loss = () =>
      tf.tidy(() =>
        tf.sum(tf.add(tf.mul(1.5, tf.square(a)), tf.add(tf.mul(a, b), tf.square(b)))),
      ) as tf.Scalar;
    return { a, b, loss, gradient: [3 + 2, 1 + 4] as const };
  };
  /** The first step: m̂ = g, D = |g| + ε, so (|g| + δ(1 − β₁)k λ) s = g with k(1 − β₁) = 1. */
  const first = (g: number, lambda: number) => g / (Math.abs(g) + 0.5 * lambda);

  it('the others take the step of Adam', () => {
    const { a, b, loss, gradient } = two();
    implicitAdam(0.5, { parameters: ['b'], solver: tight }).minimize(loss);
    expect(numbers(a)[0]).toBeCloseTo(1 - 0.5, 5);
    expect(numbers(b)[0]).toBeCloseTo(2 - 0.5 * first(gradient[1], 2), 5);
  });

  it('or stay', () => {
    const { a, b, loss, gradient } = two();
    const optimizer = implicitAdam(0.5, { parameters: ['b'], others: 'frozen', solver: tight });
    optimizer.minimize(loss);
    expect(numbers(a)[0]).toBe(1);
    expect(numbers(b)[0]).toBeCloseTo(2 - 0.5 * first(gradient[1], 2), 5);
  });

  it('keeps the momentum of both', async () => {
    const { loss, gradient } = two();
    const optimizer = implicitAdam(0.5, { parameters: ['b'], solver: tight });
    optimizer.minimize(loss);
    const [, mA, mB] = await optimizer.getWeights();
    expect(numbers(mA!.tensor)[0]).toBeCloseTo(0.1 * gradient[0], 5);
    const moved = 0.5 * first(gradient[1], 2);
    expect(numbers(mB!.tensor)[0]).toBeCloseTo(0.1 * (gradient[1] - 2 * moved), 5);
  });

  it('follows its schedule', () => {
    const x = tf.variable(tf.scalar(0), true, 'x');
    const optimizer = implicitAdam(1, { schedule: drops([1], 1 / 4) });
    optimizer.minimize(() => tf.mul(2, x) as tf.Scalar);
    expect(numbers(x)[0]).toBeCloseTo(-1, 4);
    optimizer.minimize(() => tf.mul(2, x) as tf.Scalar);
    expect(numbers(x)[0]).toBeCloseTo(-1.25, 4);
  });
});

describe('as a drop-in', () => {
  it.each([[[1]], [[3]]])(
    'takes a variable of shape %j made again under an old name for a new one',
    (shape) => {
      const once = (optimizer: ImplicitAdam, start: tf.Tensor) => {
        const x = tf.variable(start, true, 'x');
        optimizer.minimize(() => tf.tidy(() => tf.sum(tf.square(x)) as tf.Scalar));
        const reached = numbers(x);
        tf.dispose([x, start]);
        return reached;
      };
      const optimizer = implicitAdam(0.1);
      const first = once(optimizer, tf.ones([1]));
      for (const value of once(optimizer, tf.ones(shape))) expect(value).toBeCloseTo(first[0]!, 6);
      const { numTensors } = tf.memory();
      once(optimizer, tf.ones(shape));
      expect(tf.memory().numTensors).toBe(numTensors);
    },
  );

  it('leaks nothing over a hundred steps, nor when it is disposed of', async () => {
    const { x, loss } = quadratic([1, 2], [3, 4]);
    const start = tf.memory().numTensors;
    const optimizer = implicitAdam(0.1);
    optimizer.minimize(loss);
    const before = tf.memory().numTensors;
    for (let k = 0; k < 100; k++) optimizer.minimize(loss, true, [x])!.dispose();
    expect(tf.memory().numTensors).toBe(before);
    await optimizer.lastStep();
    optimizer.dispose();
    // The variable x, which the first step may have assigned again.
    expect(tf.memory().numTensors).toBe(start);
  });

  it('starts again after dispose', () => {
    const { x, loss } = quadratic([1, 2], [3, 4]);
    const optimizer = implicitAdam(0.1);
    optimizer.minimize(loss);
    const once = numbers(x);
    optimizer.minimize(loss);
    optimizer.dispose();
    x.assign(tf.tensor1d([3, 4]));
    optimizer.minimize(loss);
    expect(numbers(x)).toEqual(once);
  });

  it('goes on from its saved weights as if nothing had happened', async () => {
    const run = async (restart: boolean) => {
      const { x, loss } = quadratic([0.5, 3, 20], [3, -2, 2]);
      let optimizer = implicitAdam(0.3, { beta1: 0.8, schedule: drops([4]) });
      for (let t = 0; t < 8; t++) {
        if (restart && t === 3) {
          const [config, weights] = [optimizer.getConfig(), await optimizer.getWeights()];
          const copies = weights.map(({ name, tensor }) => ({ name, tensor: tensor.clone() }));
          optimizer.dispose();
          optimizer = ImplicitAdam.fromConfig<ImplicitAdam>(ImplicitAdam, config);
          await optimizer.setWeights(copies);
          tf.dispose(copies.map(({ tensor }) => tensor));
        }
        optimizer.minimize(loss);
      }
      const reached = numbers(x);
      x.dispose();
      return reached;
    };
    expect(await run(true)).toEqual(await run(false));
  });
});

describe('bad input is refused, with weights and moments as they were', () => {
  it.each([
    [{ beta1: 1 }, /beta1: 1/],
    [{ beta2: -0.1 }, /beta2/],
    [{ epsilon: 0 }, /epsilon: 0/],
    [{ exact: true }, /option 'exact'/],
  ])('%j', (options, message) => {
    const make = () => implicitAdam(0.1, options as ImplicitAdamOptions);
    expect(make).toThrow(message);
    expect(make).toThrow(InputError);
  });
  it.each([0, -1, Number.NaN])('a learning rate of %f', (rate) => {
    expect(() => implicitAdam(rate)).toThrow(/learning rate/);
  });
  it('a loss of NaN in between', async () => {
    const { x, loss } = quadratic([1, 2], [3, 4]);
    const optimizer = implicitAdam(0.1);
    optimizer.minimize(loss);
    const [before, kept, count] = [numbers(x), await moments(optimizer), tf.memory().numTensors];
    const bad = () => tf.sum(tf.log(tf.neg(x))) as tf.Scalar;
    expect(() => optimizer.minimize(bad)).toThrow(NotFiniteError);
    expect(numbers(x)).toEqual(before);
    expect(await moments(optimizer)).toEqual(kept);
    expect(tf.memory().numTensors).toBe(count);
    expect(optimizer.iterations).toBe(1);
  });
  it('moments of another model', async () => {
    const { loss } = quadratic([1, 2], [3, 4]);
    const optimizer = implicitAdam(0.1);
    await optimizer.setWeights([
      { name: 'iter', tensor: tf.scalar(3, 'int32') },
      { name: 'y/m', tensor: tf.zeros([5]) },
      { name: 'y/v', tensor: tf.zeros([5]) },
    ]);
    expect(() => optimizer.minimize(loss)).toThrow(/'x'/);
  });
});
