import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { leaveOutOfQuickRun } from '../../test/needs';
import { valueAndGradient } from '../autodiff';
import { adam } from '../methods/adam';
import { chebyshev } from '../methods/chebyshev';
import { gradientDescent } from '../methods/gradient-descent';
import { heavyBall } from '../methods/heavy-ball';
import type { Method } from '../methods/method';
import { sobolev } from '../methods/sobolev';
import { random } from '../numbers';
import { bilevelQuadratic } from '../problems';
import type { DerivativeProblem, LossProblem } from '../problems/problem';
import { logisticRegression } from '../problems/solved/regression';
import { float64, mapTensors, type NamedTensors } from '../spaces';
import { unroll } from './unroll';
import { unrolled } from './unrolled';
import type { UnrolledOptions } from './unrolled-options';

leaveOutOfQuickRun();

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const methods: Method[] = [
  gradientDescent(0.3),
  heavyBall({ step: 0.2, momentum: 0.8 }),
  adam(0.05),
];
const named = methods.map((method) => [JSON.stringify(method), method] as const);
const T = 30;
const ways: Omit<UnrolledOptions, 'method' | 'steps'>[] = [
  { mode: 'forward' },
  { checkpoint: 'sqrt' },
  { checkpoint: { snapshots: 1 } },
  { checkpoint: { snapshots: 4 } },
  { checkpoint: { snapshots: 100 } },
];

describe('in float64', () => {
  const noise = random(7);
  const X = Array.from({ length: 40 }, () => noise.normals(6));
  const y = X.map((row) => (row[0]! + row[1]! - 0.5 * row[2]! + 0.5 * noise.normal() > 0 ? 1 : 0));
  const target = noise.normals(6);
  const start = noise.normals(6);
  const inner = logisticRegression({ X, y: Float64Array.from(y), lambda: 0.1, start });
  /** ½‖w − target‖² + ½λ². */
  const problem: DerivativeProblem = {
    ...inner,
    outer: (w, λ) => ({
      value: 0.5 * (float64.dot(w, w) + float64.dot(λ, λ)),
      dw: float64.subtract(w, target),
      dλ: λ,
    }),
  };
  const λ = Float64Array.of(0.1);

  it.each(named)('%s: all modes are one, and the transpose of the Jacobian', async (_, method) => {
    const plain = await unrolled({ method, steps: T }).differentiate(problem, start, λ);
    for (const way of ways) {
      const other = await unrolled({ method, steps: T, ...way }).differentiate(problem, start, λ);
      expect(Math.abs(other.value[0]! - plain.value[0]!)).toBeLessThan(1e-10);
      expect(other.w).toEqual(plain.w);
      if (way.mode === undefined) {
        expect(Math.hypot(...float64.subtract(other.adjoint!, plain.adjoint!))).toBeLessThan(1e-12);
      }
    }
    const { jacobians, iterates } = unroll(method, inner, { steps: T });
    const dw = float64.subtract(iterates[T]!, target);
    expect(plain.value[0]).toBeCloseTo(float64.dot(jacobians[T]![0]!, dw) + 0.1, 12);
  });

  it.each(named)('%s: the derivative with respect to the start is right too', async (_, method) => {
    const { adjoint } = await unrolled({ method, steps: T }).differentiate(problem, start, λ);
    const value = (s: number) => {
      const moved = { ...inner, start: { ...inner.start, x: start.map((v) => v + s) } };
      const w = unroll(method, moved, { steps: T }).iterates[T]!;
      return 0.5 * float64.dot(float64.subtract(w, target), float64.subtract(w, target));
    };
    const h = 1e-3;
    const slope = (value(-2 * h) - 8 * value(-h) + 8 * value(h) - value(2 * h)) / (12 * h);
    expect(adjoint!.reduce((sum, v) => sum + v, 0)).toBeCloseTo(slope, 7);
  });

  it('truncated to the last K steps it is what late differentiation gives', async () => {
    for (const method of methods) {
      for (const way of [{}, { mode: 'forward' }, { checkpoint: 'sqrt' }] as const) {
        const options = { method, steps: T, truncate: 12, ...way };
        const { value, adjoint } = await unrolled(options).differentiate(problem, start, λ);
        const { jacobians, iterates } = unroll(method, inner, { steps: T, from: T - 12 });
        const dw = float64.subtract(iterates[T]!, target);
        expect(value[0]).toBeCloseTo(float64.dot(jacobians[T]![0]!, dw) + 0.1, 12);
        expect(adjoint).toBeUndefined();
      }
    }
  });

  it('truncated to K steps at a solution it is the K-term Neumann sum', async () => {
    const { x } = inner.solution;
    const h = 0.3;
    const H = inner.innerHessian(x, λ);
    const { value } = await unrolled({
      method: gradientDescent(h),
      steps: 8,
      truncate: 5,
    }).differentiate(problem, x, λ);
    let term = problem.outer(x, λ).dw;
    let sum = float64.zeros(term);
    for (let k = 0; k < 5; k++) {
      sum = float64.axpy(h, term, sum);
      term = float64.axpy(-h, H.apply(term), term);
    }
    expect(value[0]).toBeCloseTo(λ[0]! - inner.innerMixed(x, λ).vjp(sum)[0]!, 12);
  });

  it('serves methods that are tuned by a spectrum', async () => {
    const spectrum = { ...inner.spectrum, naturalEta: 1 };
    for (const method of [chebyshev(), sobolev()]) {
      const reverse = unrolled({ method, steps: T, spectrum, checkpoint: 'sqrt' });
      const forward = unrolled({ method, steps: T, spectrum, mode: 'forward' });
      const [a, b] = [
        await reverse.differentiate(problem, start, λ),
        await forward.differentiate(problem, start, λ),
      ];
      expect(a.value[0]).toBeCloseTo(b.value[0]!, 10);
    }
  });

  it('comes to the hypergradient of the solution as the steps do', async () => {
    const known = bilevelQuadratic({
      eigenvalues: [0.1, 0.2, 0.5, 1],
      hyperparameters: 3,
      seed: 5,
    });
    const point = Float64Array.of(0.3, -0.1, 0.2);
    const w = new Float64Array(known.weights);
    const method = gradientDescent(1);
    const errors = [];
    for (const steps of [100, 200, 400]) {
      const { value } = await unrolled({ method, steps }).differentiate(known, w, point);
      errors.push(Math.hypot(...float64.subtract(value, known.hypergradient(point))));
    }
    expect(errors[1]).toBeLessThan(errors[0]! / 100);
    expect(errors[2]).toBeLessThan(1e-10);
  });

  it('counts what it does', async () => {
    const stats = async (options: Partial<UnrolledOptions>) =>
      (
        await unrolled({ method: gradientDescent(0.3), steps: 100, ...options }).differentiate(
          problem,
          start,
          λ,
        )
      ).stats;
    expect(await stats({})).toMatchObject({
      gradients: 100,
      products: 100,
      peakRecorded: 100,
      peakStates: 1,
    });
    expect(await stats({ truncate: 7 })).toMatchObject({
      gradients: 100,
      products: 7,
      peakRecorded: 7,
    });
    expect(await stats({ mode: 'forward' })).toMatchObject({ gradients: 100, products: 100 });
    expect(await stats({ checkpoint: 'sqrt' })).toMatchObject({
      gradients: 190,
      products: 100,
      peakRecorded: 10,
      peakStates: 10,
    });
    const few = await stats({ checkpoint: { snapshots: 5 } });
    expect(few).toMatchObject({ products: 100, peakRecorded: 1 });
    expect(few.peakStates).toBeLessThanOrEqual(6);
    expect(few.gradients).toBe(100 + 4 * 100 - 84);
  });

  it('says where it left the finite numbers', async () => {
    const how = unrolled({ method: gradientDescent(1e6), steps: 200 });
    await expect(how.differentiate(problem, start, λ)).rejects.toThrow(/shorter or fewer steps/);
  });
});

describe('on named tensors', () => {
  /** A small network whose weights decay by exp(λ), each tensor by its own. */
  const noise = random(3);
  const numbers = (count: number) => Array.from(noise.normals(count));
  const data = {
    X: numbers(20 * 3),
    Y: numbers(20),
    weights: [numbers(12), numbers(4), numbers(4)],
  };

  function network(): { problem: LossProblem; w: NamedTensors; λ: NamedTensors } {
    const X = tf.tensor2d(data.X, [20, 3]);
    const Y = tf.tensor2d(data.Y, [20, 1]);
    const w = {
      W1: tf.tensor2d(data.weights[0]!, [3, 4]),
      b1: tf.tensor1d(data.weights[1]!),
      W2: tf.tensor2d(data.weights[2]!, [4, 1]),
    };
    const λ = { decay: tf.tensor1d([-3, -2, -4]), W1: tf.scalar(0.3) };
    const predict = (w: NamedTensors) => {
      const hidden = tf.tanh(tf.add(tf.matMul(X, w.W1 as tf.Tensor2D), w.b1!));
      return tf.matMul(hidden as tf.Tensor2D, w.W2 as tf.Tensor2D);
    };
    const misfit = (w: NamedTensors) => tf.mean(tf.square(tf.sub(predict(w), Y)));
    const problem: LossProblem = {
      inner: (w, λ) =>
        tf.tidy(() => {
          const rates = tf.unstack(tf.exp(λ.decay!));
          const norms = Object.values(w).map((v, i) => tf.mul(rates[i]!, tf.sum(tf.square(v))));
          return tf.add(tf.mul(λ.W1!, misfit(w)), tf.addN(norms)) as tf.Scalar;
        }),
      outer: (w, λ) =>
        tf.tidy(() => tf.add(misfit(w), tf.mul(0.1, tf.sum(tf.square(λ.decay!)))) as tf.Scalar),
    };
    return { problem, w, λ };
  }
  const flat = (x: NamedTensors) => Object.values(x).flatMap((t) => [...t.dataSync()]);
  const furthest = (a: number[], b: number[]) =>
    Math.max(...a.map((value, i) => Math.abs(value - b[i]!))) / Math.max(...b.map(Math.abs));
  const smooth = [...methods.slice(0, 2), adam(0.02, { epsilon: 1e-2 })];

  it.each(smooth.map((method) => [JSON.stringify(method), method] as const))(
    '%s: all modes are one',
    async (_, method) => {
      const { problem, w, λ } = network();
      const plain = await unrolled({ method, steps: 16 }).differentiate(problem, w, λ);
      expect(Object.keys(plain.value)).toEqual(['decay', 'W1']);
      for (const way of [...ways, { truncate: 16 }] as const) {
        const other = await unrolled({ method, steps: 16, ...way }).differentiate(problem, w, λ);
        expect(furthest(flat(other.value), flat(plain.value))).toBeLessThan(1e-4);
        expect(flat(other.w)).toEqual(flat(plain.w));
        if (other.adjoint !== undefined) {
          expect(furthest(flat(other.adjoint), flat(plain.adjoint!))).toBeLessThan(1e-4);
        }
      }
    },
  );

  it.each(smooth.map((method) => [JSON.stringify(method), method] as const))(
    '%s: agrees with finite differences',
    async (_, method) => {
      const { problem, w, λ } = network();
      const how = unrolled({ method, steps: 10 });
      const { value } = await how.differentiate(problem, w, λ);
      const loss = async (d0: number, dW: number) => {
        const moved = {
          decay: tf.add(λ.decay!, tf.tensor1d([d0, 0, 0])),
          W1: tf.add(λ.W1!, dW),
        };
        const { w: last } = await how.differentiate(problem, w, moved);
        return problem.outer(last, moved).dataSync()[0]!;
      };
      const slope = async (f: (s: number) => Promise<number>) => {
        const h = 2e-2;
        const [a, b, c, d] = [await f(-2 * h), await f(-h), await f(h), await f(2 * h)];
        return (a - 8 * b + 8 * c - d) / (12 * h);
      };
      const expected = [await slope((s) => loss(s, 0)), await slope((s) => loss(0, s))];
      const actual = [flat(value)[0]!, flat(value)[3]!];
      // What is left of a difference in single precision.
      expect(furthest(actual, expected)).toBeLessThan(2e-3);
    },
  );

  it('agrees with autodiff through the whole loop, recorded at once', async () => {
    const { problem, w, λ } = network();
    const [h, momentum, steps] = [0.2, 0.8, 12];
    const method = heavyBall({ step: h, momentum });
    const { value } = await unrolled({ method, steps }).differentiate(problem, w, λ);
    const loop = (λ: NamedTensors) => {
      let x = w;
      let velocity = mapTensors(w, (v) => tf.zerosLike(v));
      for (let t = 1; t <= steps; t++) {
        const { gradient } = valueAndGradient((x) => problem.inner(x, λ, t), x);
        velocity = mapTensors(velocity, (v, name) =>
          tf.sub(tf.mul(momentum, v), tf.mul(h, gradient[name]!)),
        );
        x = mapTensors(x, (v, name) => tf.add(v, velocity[name]!));
      }
      return problem.outer(x, λ);
    };
    const whole = valueAndGradient(loop, λ).gradient;
    expect(furthest(flat(value), flat(whole))).toBeLessThan(1e-5);
  });

  it('agrees with float64 on logistic regression', async () => {
    const X = Array.from({ length: 25 }, () => noise.normals(4));
    const y = X.map((row) => (row[0]! > 0.2 ? 1 : 0));
    const inner = logisticRegression({ X, y: Float64Array.from(y), lambda: 0.1 });
    const exact: DerivativeProblem = {
      ...inner,
      outer: (w) => ({ value: 0, dw: w, dλ: Float64Array.of(0) }),
    };
    const features = tf.tensor2d(
      X.flatMap((row) => [...row]),
      [25, 4],
    );
    const signs = tf.tensor1d(y.map((label) => 2 * label - 1));
    const single: LossProblem = {
      inner: ({ w }, { λ }) => {
        const margins = tf.mul(signs, tf.squeeze(tf.matMul(features, w as tf.Tensor2D)));
        const misfit = tf.mean(tf.softplus(tf.neg(margins)));
        return tf.add(misfit, tf.mul(tf.mul(0.5, λ!), tf.sum(tf.square(w!)))) as tf.Scalar;
      },
      outer: ({ w }) => tf.mul(0.5, tf.sum(tf.square(w!))) as tf.Scalar,
    };
    for (const method of methods.slice(0, 2)) {
      const how = unrolled({ method, steps: 40 });
      const a = await how.differentiate(exact, new Float64Array(4), Float64Array.of(0.1));
      const b = await how.differentiate(single, { w: tf.zeros([4, 1]) }, { λ: tf.scalar(0.1) });
      expect(furthest(flat(b.value), [...a.value])).toBeLessThan(1e-5);
      expect(furthest(flat(b.w), [...a.w])).toBeLessThan(1e-5);
    }
  });

  it('takes the very steps of tf.train.adam', async () => {
    const { problem, w, λ } = network();
    const how = unrolled({ method: adam(0.03), steps: 12 });
    const { w: last } = await how.differentiate(problem, w, λ);
    const variables: NamedTensors = {};
    for (const name of Object.keys(w)) variables[name] = tf.variable(w[name]!);
    const optimizer = tf.train.adam(0.03);
    for (let t = 1; t <= 12; t++) optimizer.minimize(() => problem.inner(variables, λ, t));
    expect(furthest(flat(last), flat(variables))).toBeLessThan(2e-5);
  });

  it('passes the number of the step, from 1, for minibatches', async () => {
    const seen = new Set<number>();
    const problem: LossProblem = {
      inner({ x }, { a }, step) {
        seen.add(step);
        return tf.mul(tf.mul(step, a!), x!) as tf.Scalar;
      },
      outer: ({ x }) => x!.clone() as tf.Scalar,
    };
    // x₄ = x₀ − h a (1 + 2 + 3 + 4).
    const { value } = await unrolled({
      method: gradientDescent(0.1),
      steps: 4,
      checkpoint: { snapshots: 2 },
    }).differentiate(problem, { x: tf.scalar(1) }, { a: tf.scalar(2) });
    expect(value.a!.dataSync()[0]).toBeCloseTo(-1, 6);
    expect([...seen]).toEqual([1, 2, 3, 4]);
  });

  it('a coordinate whose gradient is always 0 does not poison Adam', async () => {
    const problem: LossProblem = {
      inner: ({ x }, { a }) =>
        tf.sum(tf.mul(tf.tensor1d([1, 0]), tf.mul(a!, tf.square(x!)))) as tf.Scalar,
      outer: ({ x }) => tf.sum(x!) as tf.Scalar,
    };
    for (const mode of ['reverse', 'forward'] as const) {
      const { value } = await unrolled({ method: adam(0.1), steps: 5, mode }).differentiate(
        problem,
        { x: tf.tensor1d([1, 1]) },
        { a: tf.scalar(1) },
      );
      expect(Number.isFinite(value.a!.dataSync()[0])).toBe(true);
    }
  });

  it('leaves nothing behind but its results, in every mode', async () => {
    for (const method of methods) {
      const { problem, w, λ } = network();
      for (const way of [{}, { truncate: 4 }, ...ways]) {
        const before = tf.memory().numTensors;
        const result = await unrolled({ method, steps: 9, ...way }).differentiate(problem, w, λ);
        const own = 2 + 3 + (result.adjoint === undefined ? 0 : 3);
        expect(tf.memory().numTensors - before, JSON.stringify({ method, way })).toBe(own);
        tf.dispose([result.value, result.w, result.adjoint ?? []] as never);
        expect(tf.memory().numTensors).toBe(before);
        expect(w.W1!.isDisposed || λ.decay!.isDisposed).toBe(false);
      }
    }
  });

  it('leaves nothing behind when the loss throws, or blows up', async () => {
    const { problem, w, λ } = network();
    for (const way of [{}, ...ways]) {
      for (const failing of [1, 4, 9]) {
        let calls = 0;
        const broken: LossProblem = {
          ...problem,
          inner(w, λ, step) {
            if (++calls === failing) throw new Error('lost');
            return problem.inner(w, λ, step);
          },
        };
        const before = tf.memory().numTensors;
        const how = unrolled({ method: adam(0.1), steps: 9, ...way });
        await expect(how.differentiate(broken, w, λ)).rejects.toThrow('lost');
        expect(tf.memory().numTensors, JSON.stringify({ way, failing })).toBe(before);
      }
      const before = tf.memory().numTensors;
      const wild = unrolled({ method: gradientDescent(1e8), steps: 40, ...way });
      await expect(wild.differentiate(problem, w, λ)).rejects.toThrow(/finite/);
      expect(tf.memory().numTensors).toBe(before);
    }
  });

  it('needs memory that is linear, √T or flat in T, as it should be', async () => {
    const { problem, w, λ } = network();
    const bytes = async (steps: number, way: object) => {
      const how = unrolled({ method: gradientDescent(0.05), steps, ...way });
      const { stats } = await how.differentiate(problem, w, λ);
      return stats.peakBytes!;
    };
    const growth = async (way: object) => (await bytes(40, way)) / (await bytes(10, way));
    expect(await growth({})).toBeGreaterThan(3.5);
    expect(await growth({ checkpoint: 'sqrt' })).toBeLessThan(2.5);
    expect(await growth({ checkpoint: { snapshots: 4 } })).toBeLessThan(1.2);
    expect(await growth({ truncate: 10 })).toBeLessThan(1.2);
    expect(await growth({ mode: 'forward' })).toBeLessThan(1.2);
  });
});

describe('as a value', () => {
  it('prints, compares and serializes as its options', () => {
    const how = unrolled({ method: adam(1e-3), steps: 5, checkpoint: 'sqrt' });
    expect(JSON.parse(JSON.stringify(how))).toEqual({
      name: 'unrolled',
      method: { name: 'adam', rate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-7 },
      steps: 5,
      checkpoint: 'sqrt',
    });
  });

  const method = gradientDescent(0.1);
  it.each<[string, () => unknown, RegExp]>([
    ['no steps', () => unrolled({ method, steps: 0 }), /steps of 0/],
    ['half a step', () => unrolled({ method, steps: 1.5 }), /1\.5/],
    [
      'an optimizer',
      () => unrolled({ method: tf.train.adam(1) as never, steps: 1 }),
      /adam\(rate\)/,
    ],
    ['an unknown mode', () => unrolled({ method, steps: 1, mode: 'back' as never }), /'back'/],
    ['more than all steps', () => unrolled({ method, steps: 5, truncate: 6 }), /6 of 5/],
    ['none of them', () => unrolled({ method, steps: 5, truncate: 0 }), /truncation of 0/],
    ['no snapshot', () => unrolled({ method, steps: 5, checkpoint: { snapshots: 0 } }), /of 0/],
    [
      'checkpoints forwards',
      () => unrolled({ method, steps: 5, checkpoint: 'sqrt', mode: 'forward' }),
      /forward/,
    ],
  ])('refuses %s', (_, make, message) => {
    expect(make).toThrow(message);
  });

  it.each(['reverse', 'forward'] as const)(
    'does not take an Adam whose squares overflow for one that has stopped: %s',
    async (mode) => {
      const steep = (unit: number): LossProblem => ({
        inner: ({ w }, { l }) => tf.mul(unit, tf.sum(tf.square(tf.sub(w!, l!)))) as tf.Scalar,
        outer: ({ w }) => tf.sum(w!) as tf.Scalar,
      });
      const derivative = (unit: number) =>
        unrolled({ method: adam(0.1), steps: 3, mode }).differentiate(
          steep(unit),
          { w: tf.tensor1d([1, 2]) },
          { l: tf.tensor1d([0, 1]) },
        );
      await expect(derivative(1e25)).rejects.toThrow(/memory has the norm/);
      const { value } = await derivative(1);
      expect(value.l!.dataSync()[0]).not.toBe(0);
    },
  );

  it('refuses a problem in the wrong form', async () => {
    const how = unrolled({ method, steps: 2 });
    const losses = { inner: () => tf.scalar(0), outer: () => tf.scalar(0) };
    const wrong = how.differentiate(losses as never, new Float64Array(2), Float64Array.of(1));
    await expect(wrong).rejects.toThrow(/innerGradient/);
    await expect(
      how.differentiate({} as never, { x: tf.scalar(1) }, { a: tf.scalar(1) }),
    ).rejects.toThrow(/'inner'/);
    const needs = unrolled({ method: chebyshev(), steps: 2 });
    await expect(
      needs.differentiate(losses, { x: tf.scalar(1) }, { a: tf.scalar(1) }),
    ).rejects.toThrow(/spectrum/);
  });
});

it('a misspelt option is refused by its name', () => {
  const options = { method: adam(0.1), steps: 3, trunc: 1 } as UnrolledOptions;
  expect(() => unrolled(options)).toThrow(/'trunc' of unrolled/);
});
