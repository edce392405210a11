import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { markOutput } from '../autodiff';
import { sigmoidCrossEntropy } from '../backends';
import { classificationData, regressionData } from '../datasets';
import { InputError, NotFiniteError, ShapeError } from '../errors';
import { gradientDescent } from '../methods';
import { random } from '../numbers';
import {
  bilevelLogistic,
  bilevelQuadratic,
  bilevelRidge,
  type KnownBilevel,
  type LossProblem,
  logarithmic,
} from '../problems';
import { cg, dense, gmres, minres, neumann } from '../solvers';
import { float64, type NamedTensors } from '../spaces';
import { unrolled } from '../unrolling';
import { hypergradient, implicit } from '.';
import { distance, fromFloat64, numbers, ridgeLosses, tensorsOf } from './testing';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const numbersData = regressionData({ train: 30, validation: 20, features: 6, seed: 1 });
const labelData = classificationData({ train: 60, validation: 40, features: 5, seed: 2 });
const quadratic = bilevelQuadratic({
  eigenvalues: [0.1, 0.5, 1, 2, 10],
  hyperparameters: 3,
  seed: 3,
});
const ridge = bilevelRidge(numbersData);
const logistic = bilevelLogistic(labelData, { penalty: 'per-weight' });

const problems: [string, KnownBilevel][] = [
  ['ridge', ridge],
  ['ridge with one λ', bilevelRidge(numbersData, { penalty: 'shared' })],
  ['logistic', logistic],
  ['logistic with one λ', bilevelLogistic(labelData)],
  ['quadratic', quadratic],
  ['ridge by log λ', logarithmic(ridge)],
];

const hyperparameters = ({ hyperparameters }: KnownBilevel) =>
  Float64Array.from({ length: hyperparameters }, (_, j) => 0.1 + 0.05 * j);

const exact = implicit({ solver: cg({ tolerance: 1e-13 }) });

describe('in float64, at the inner solution', () => {
  it.each(problems)('%s: is the closed form', async (_, problem) => {
    const λ = hyperparameters(problem);
    const w = problem.solution(λ);
    const { value, stats } = await hypergradient(problem, w, λ, exact);
    expect(distance(value, problem.hypergradient(λ))).toBeLessThan(1e-8);
    expect(stats.status).toBe('converged');
    expect(stats.innerGradientNorm).toBeLessThan(1e-10);
    expect(stats.zero).toEqual([]);
  });

  it.each(problems)('%s: is the slope of the outer loss at the solution', async (_, problem) => {
    const λ = hyperparameters(problem);
    const { value } = await hypergradient(problem, problem.solution(λ), λ, exact);
    const along = random(5).normals(λ.length);
    const at = (t: number) => {
      const moved = float64.axpy(t, along, λ);
      return problem.outer(problem.solution(moved), moved).value;
    };
    const h = 1e-3;
    const slope = (at(-2 * h) - 8 * at(-h) + 8 * at(h) - at(2 * h)) / (12 * h);
    expect(float64.dot(value, along)).toBeCloseTo(slope, 7);
  });

  it.each([
    ['dense', dense({ tolerance: 1e-12 })],
    ['minres', minres({ tolerance: 1e-12 })],
    ['gmres', gmres({ tolerance: 1e-12 })],
    ['neumann', neumann({ terms: 5000 })],
  ])('%s gives what cg gives', async (_, solver) => {
    const λ = hyperparameters(logistic);
    const w = logistic.solution(λ);
    const { value } = await hypergradient(logistic, w, λ, implicit({ solver }));
    const reference = await hypergradient(logistic, w, λ, exact);
    expect(distance(value, reference.value)).toBeLessThan(1e-9);
  });

  it('unrolling to convergence gives the same', async () => {
    const λ = hyperparameters(ridge);
    const w0 = new Float64Array(ridge.weights);
    const how = unrolled({ method: gradientDescent(0.5), steps: 600 });
    const unrolledResult = await hypergradient(ridge, w0, λ, how);
    expect(distance(unrolledResult.value, ridge.hypergradient(λ))).toBeLessThan(1e-8);
    const { value } = await hypergradient(ridge, unrolledResult.w, λ, exact);
    expect(distance(unrolledResult.value, value)).toBeLessThan(1e-8);
  });

  it('K Neumann terms are the sum of K terms, and K unrolled steps from the solution', async () => {
    const [terms, scale] = [7, 0.3];
    const λ = hyperparameters(ridge);
    const w = ridge.solution(λ);
    const { dw, dλ } = ridge.outer(w, λ);
    const H = ridge.innerHessian(w, λ);
    let term = float64.scale(scale, dw);
    let sum = term;
    for (let k = 1; k < terms; k++) {
      term = float64.axpy(-scale, H.apply(term), term);
      sum = float64.axpy(1, term, sum);
    }
    const expected = float64.subtract(dλ, ridge.innerMixed(w, λ).vjp(sum));

    const series = implicit({ solver: neumann({ terms, scale }) });
    const { value } = await hypergradient(ridge, w, λ, series);
    expect(distance(value, expected)).toBeLessThan(1e-13);
    const steps = unrolled({ method: gradientDescent(scale), steps: terms });
    const walked = await hypergradient(ridge, w, λ, steps);
    expect(distance(walked.value, expected)).toBeLessThan(1e-11);
  });

  it('by default a solve that is cut off is nearer than none, where residuals still grow', async () => {
    const eigenvalues = Array.from({ length: 40 }, (_, i) => 10 ** (-i / 10));
    const hard = bilevelQuadratic({ eigenvalues, hyperparameters: 3, seed: 1 });
    const λ = hyperparameters(hard);
    const w = hard.solution(λ);
    expect(implicit().solver).toMatchObject({ name: 'cg', best: 'energy' });
    const adjoint = async (options: Parameters<typeof cg>[0]) =>
      (await hypergradient(hard, w, λ, implicit({ solver: cg(options), estimate: false }))).adjoint;
    const truth = await adjoint({ tolerance: 1e-13, maxIterations: 400 });
    const left = (v: Float64Array) => Math.hypot(...float64.subtract(v, truth));
    const [energy, residual] = [
      await adjoint({ best: 'energy', maxIterations: 3 }),
      await adjoint({ maxIterations: 3 }),
    ];
    expect([...residual].every((x) => x === 0)).toBe(true);
    expect(left(energy)).toBeLessThan(left(residual));
  });

  it('a warm start from the last adjoint needs no iteration, and few after a small change', async () => {
    const λ = hyperparameters(logistic);
    const w = logistic.solution(λ);
    const how = implicit({ solver: cg({ tolerance: 1e-6 }), estimate: false });
    const cold = await hypergradient(logistic, w, λ, how);
    const warm = await hypergradient(logistic, w, λ, how, { start: cold.adjoint });
    expect(warm.stats.iterations).toBe(0);
    expect(cold.stats.iterations).toBeGreaterThan(2);
    expect(distance(warm.value, cold.value)).toBeLessThan(1e-6);
  });
});

describe('the error estimate', () => {
  const wide = regressionData({ train: 80, features: 60, condition: 1000, seed: 6 });
  const conditioned = bilevelRidge(wide);
  const cases: [string, KnownBilevel, Float64Array, number][] = [
    ...problems.map(([name, problem]): [string, KnownBilevel, Float64Array, number] => [
      name,
      problem,
      hyperparameters(problem),
      20,
    ]),
    ['ridge, κ in the hundreds', conditioned, new Float64Array(60).fill(0.01), 200],
  ];

  it.each(cases)('%s: bounds the true error, and not by far', async (_, problem, λ, slack) => {
    const stream = random(11);
    const solution = problem.solution(λ);
    const truth = problem.hypergradient(λ);
    const ratios: number[] = [];
    for (const off of [0, 1e-6, 1e-3, 1e-2]) {
      for (const tolerance of [1e-12, 1e-6, 1e-3, 1e-1]) {
        for (let repeat = 0; repeat < 3; repeat++) {
          const w = float64.axpy(off, stream.normals(solution.length), solution);
          const how = implicit({ solver: cg({ tolerance }) });
          const { value, stats } = await hypergradient(problem, w, λ, how);
          const error = Math.hypot(...float64.subtract(value, truth));
          expect(error).toBeLessThan(stats.error!.bound);
          if (error > 1e-12) ratios.push(stats.error!.bound / error);
        }
      }
    }
    ratios.sort((a, b) => a - b);
    expect(ratios[Math.floor(ratios.length / 2)]).toBeLessThan(slack);
  });

  it.each([1, 2, 3, 4, 5, 6])('bounds it on problems drawn at random, seed %i', async (seed) => {
    const stream = random(100 + seed);
    const features = 5 + Math.floor(40 * stream.uniform());
    const condition = 10 ** (4 * stream.uniform());
    const data = { train: 60, features, condition, seed };
    const eigenvalues = Array.from({ length: features }, () => 10 ** (-4 * stream.uniform()));
    const penalty = Math.log(10) * -4 * stream.uniform();
    for (const problem of [
      logarithmic(bilevelRidge(regressionData(data))),
      logarithmic(bilevelLogistic(classificationData(data), { penalty: 'per-weight' })),
      bilevelQuadratic({ eigenvalues, hyperparameters: 3, seed }),
    ]) {
      const λ = stream.normals(problem.hyperparameters).map((z) => penalty + 0.3 * z);
      const truth = problem.hypergradient(λ);
      const solution = problem.solution(λ);
      for (const off of [0, 1e-4, 1e-2]) {
        for (const solver of [cg({ tolerance: 1e-8 }), cg({ tolerance: 0.1 }), neumann()]) {
          const w = float64.axpy(off, stream.normals(solution.length), solution);
          const { value, stats } = await hypergradient(problem, w, λ, implicit({ solver }));
          const error = Math.hypot(...float64.subtract(value, truth));
          expect(error).toBeLessThan(stats.error!.bound + 1e-11 * Math.hypot(...truth));
        }
      }
    }
  });

  it('grows with the distance from the inner solution, and says that this is why', async () => {
    const λ = hyperparameters(logistic);
    const solution = logistic.solution(λ);
    const direction = random(4).normals(solution.length);
    const at = async (off: number) => {
      const w = float64.axpy(off, direction, solution);
      return (await hypergradient(logistic, w, λ, exact)).stats;
    };
    const [near, far] = [await at(1e-5), await at(1e-2)];
    expect(far.innerGradientNorm).toBeGreaterThan(500 * near.innerGradientNorm);
    expect(far.error!.stationarity).toBeGreaterThan(500 * near.error!.stationarity);
    expect(far.error!.stationarity).toBeGreaterThan(0.99 * far.error!.bound);
  });

  it('sees an error that comes from B alone, where the linear system is the same everywhere', async () => {
    const target = random(9).normals(ridge.weights);
    const linear = {
      ...ridge,
      outer: (w: Float64Array, λ: Float64Array) => ({
        value: float64.dot(target, w),
        dw: target,
        dλ: new Float64Array(λ.length),
      }),
    };
    const λ = hyperparameters(ridge);
    const solution = ridge.solution(λ);
    const truth = (await hypergradient(linear, solution, λ, exact)).value;
    const w = float64.axpy(1e-3, random(10).normals(ridge.weights), solution);
    const { value, stats } = await hypergradient(linear, w, λ, exact);
    const { bound, constants } = stats.error!;
    expect(constants.residualSlope).toBeLessThan(1e-9);
    expect(Math.hypot(...float64.subtract(value, truth))).toBeLessThan(bound);
  });

  it('is that of the linear solve at the inner solution', async () => {
    const λ = hyperparameters(ridge);
    const how = implicit({ solver: neumann({ terms: 3 }) });
    const { error } = (await hypergradient(ridge, ridge.solution(λ), λ, how)).stats;
    expect(error!.solve).toBeGreaterThan(0.99 * error!.bound);
  });

  it('takes a μ that is known', async () => {
    const λ = hyperparameters(quadratic);
    const how = implicit({ solver: neumann({ terms: 3 }), estimate: { mu: 0.1 } });
    const { stats } = await hypergradient(quadratic, quadratic.solution(λ), λ, how);
    expect(stats.error!.constants.mu).toBe(0.1);
    const estimated = implicit({ solver: neumann({ terms: 3 }) });
    const other = await hypergradient(quadratic, quadratic.solution(λ), λ, estimated);
    expect(other.stats.error!.constants.mu).toBeCloseTo(0.1, 10);
  });
});

describe('on tensors', () => {
  const λ64 = hyperparameters(ridge);
  const losses = ridgeLosses(numbersData);

  it('ridge is the closed form to 1e-4, and the estimate bounds the error', async () => {
    const w = fromFloat64(ridge.solution(λ64));
    const { value, stats } = await hypergradient(losses, w, fromFloat64(λ64), implicit());
    const truth = ridge.hypergradient(λ64);
    expect(distance(numbers(value), truth)).toBeLessThan(1e-4);
    const error = Math.hypot(...numbers(value).map((number, i) => number - truth[i]!));
    expect(error).toBeLessThan(stats.error!.bound);
  });

  it('warm starts, and gives the same as unrolling to convergence', async () => {
    const w = fromFloat64(ridge.solution(λ64));
    const λ = fromFloat64(λ64);
    const cold = await hypergradient(losses, w, λ, implicit());
    const warm = await hypergradient(losses, w, λ, implicit(), { start: cold.adjoint });
    expect(warm.stats.iterations).toBe(0);
    const how = unrolled({ method: gradientDescent(0.5), steps: 150 });
    const { value } = await hypergradient(losses, { x: tf.zerosLike(w.x!) }, λ, how);
    expect(distance(numbers(value), numbers(cold.value))).toBeLessThan(1e-4);
  });

  it('logistic is the closed form to 1e-4, by the Hessian and by Gauss–Newton', async () => {
    const { X, y, validationX, validationY } = tensorsOf(labelData);
    const problem: LossProblem = {
      inner: ({ x: w }, { x: λ }) =>
        tf.add(
          sigmoidCrossEntropy(y, markOutput(tf.dot(X, w!))),
          tf.mul(0.5, tf.sum(tf.mul(λ!, tf.square(w!)))),
        ) as tf.Scalar,
      outer: ({ x: w }) => sigmoidCrossEntropy(validationY, tf.dot(validationX, w!)) as tf.Scalar,
    };
    const λ = hyperparameters(logistic);
    const w = fromFloat64(logistic.solution(λ));
    for (const curvature of ['hessian', 'gauss-newton'] as const) {
      const { value } = await hypergradient(problem, w, fromFloat64(λ), implicit({ curvature }));
      expect(distance(numbers(value), logistic.hypergradient(λ))).toBeLessThan(1e-4);
    }
  });

  it('what Gauss–Newton leaves out of a network is part of the error estimate', async () => {
    const x = tf.tensor2d([-2, -1, 0, 1, 2], [5, 1]);
    const y = tf.tensor2d([1, -1, 0.5, -0.5, 1], [5, 1]);
    const predict = ({ a, b }: NamedTensors) =>
      tf.mul(b!, tf.tanh(tf.mul(a!, tf.add(x, 0.3)))) as tf.Tensor;
    const problem: LossProblem = {
      inner: (w, λ) =>
        tf.add(
          tf.mean(tf.square(tf.sub(markOutput(predict(w)), y))),
          tf.mul(λ.x!, tf.add(tf.square(w.a!), tf.square(w.b!))),
        ) as tf.Scalar,
      outer: (w) => tf.mean(tf.square(tf.sub(predict(w), 0.3))) as tf.Scalar,
    };
    const λ = { x: tf.scalar(0.05) };
    const walk = unrolled({ method: gradientDescent(0.2), steps: 400, truncate: 1 });
    const w0 = { a: tf.scalar(1), b: tf.scalar(1) };
    const { w } = await hypergradient(problem, w0, λ, walk);
    const exact = await hypergradient(problem, w, λ, implicit());
    const approximate = await hypergradient(problem, w, λ, implicit({ curvature: 'gauss-newton' }));
    const error = Math.abs(numbers(exact.value)[0]! - numbers(approximate.value)[0]!);
    expect(exact.stats.status).toBe('converged');
    expect(exact.stats.error!.bound).toBeLessThan(0.1 * error);
    expect(approximate.stats.status).toBe('converged');
    expect(approximate.stats.residual).toBeLessThan(1e-5);
    expect(approximate.stats.error!.bound).toBeGreaterThan(error);
  });

  it('batches are what the losses get', async () => {
    const w = fromFloat64(ridge.solution(λ64));
    const problem = {
      inner: (w: NamedTensors, λ: NamedTensors, factor: number) =>
        tf.mul(factor, losses.inner(w, λ, 1)) as tf.Scalar,
      outer: (w: NamedTensors, λ: NamedTensors, factor: number) =>
        tf.mul(factor, losses.outer(w, λ)) as tf.Scalar,
    };
    const batch = { inner: 7, outer: 2 };
    const { value } = await hypergradient(problem, w, fromFloat64(λ64), implicit(), { batch });
    const expected = ridge.hypergradient(λ64).map((number) => 2 * number);
    expect(distance(numbers(value), expected)).toBeLessThan(1e-4);
  });

  it('200 hypergradients leave no tensor behind, and w and λ as they were', async () => {
    const w = { x: tf.tensor1d([1, 2]) };
    const λ = { x: tf.tensor1d([3, 4]) };
    const problem: LossProblem = {
      inner: (w, λ) => tf.sum(tf.mul(tf.exp(λ.x!), tf.square(tf.sub(w.x!, λ.x!)))) as tf.Scalar,
      outer: (w) => tf.sum(tf.square(w.x!)) as tf.Scalar,
    };
    const before = [numbers(w), numbers(λ)];
    const run = async (how = implicit()) => {
      const { value, adjoint } = await hypergradient(problem, w, λ, how);
      tf.dispose({ ...value });
      tf.dispose({ ...adjoint });
    };
    await run();
    const { numTensors, numBytes } = tf.memory();
    await run();
    const cheap = implicit({ solver: cg({ maxIterations: 2 }), estimate: false });
    for (let i = 0; i < 199; i++) await run(cheap);
    expect(tf.memory()).toMatchObject({ numTensors, numBytes });
    expect([numbers(w), numbers(λ)]).toEqual(before);
  });
});

describe('bad input', () => {
  const λ = hyperparameters(ridge);
  const w = ridge.solution(λ);
  const losses = ridgeLosses(numbersData);

  it('an indefinite Hessian is a status, and its error is not bounded', async () => {
    const saddle = {
      ...quadratic,
      innerHessian: () => ({
        apply: (v: Float64Array) => v.map((x, i) => (i === 0 ? -x : x)),
        dispose() {},
      }),
    };
    const μ = hyperparameters(quadratic);
    const { value, stats } = await hypergradient(saddle, quadratic.solution(μ), μ, implicit());
    expect(stats.status).toBe('negative-curvature');
    expect(stats.error!.bound).toBe(Number.POSITIVE_INFINITY);
    expect([...value].every(Number.isFinite)).toBe(true);
  });

  it('names a hyperparameter that nothing depends on', async () => {
    const tensors = { ...fromFloat64(λ), forgotten: tf.scalar(3) };
    const { value, stats } = await hypergradient(losses, fromFloat64(w), tensors, implicit());
    expect(stats.zero).toEqual(['forgotten']);
    expect(numbers({ forgotten: value.forgotten! })).toEqual([0]);
  });

  it('a NaN in a batch is an error and leaves nothing behind', async () => {
    const problem: LossProblem = {
      ...losses,
      inner: (w, λ) => tf.mul(Number.NaN, losses.inner(w, λ, 1)) as tf.Scalar,
    };
    const [W, Λ] = [fromFloat64(w), fromFloat64(λ)];
    const { numTensors } = tf.memory();
    await expect(hypergradient(problem, W, Λ, implicit())).rejects.toThrow(NotFiniteError);
    const outer: LossProblem = {
      ...losses,
      outer: (w) => tf.mul(Number.NaN, losses.outer(w, Λ)) as tf.Scalar,
    };
    await expect(hypergradient(outer, W, Λ, implicit())).rejects.toThrow(NotFiniteError);
    const wrong = { x: tf.zeros([2]) };
    await expect(hypergradient(losses, wrong, Λ, implicit())).rejects.toThrow();
    wrong.x.dispose();
    expect(tf.memory().numTensors).toBe(numTensors);
  });

  it('a NaN in float64 is an error', async () => {
    const broken = w.map((x, i) => (i === 0 ? Number.NaN : x));
    await expect(hypergradient(ridge, broken, λ, implicit())).rejects.toThrow(NotFiniteError);
  });

  it('mismatched shapes and kinds are errors', async () => {
    const long = new Float64Array(9);
    await expect(hypergradient(ridge, long, λ, implicit())).rejects.toThrow(ShapeError);
    await expect(hypergradient(ridge, w, λ, implicit(), { start: long })).rejects.toThrow(
      ShapeError,
    );
    const mixed = fromFloat64(λ) as unknown as Float64Array;
    await expect(hypergradient(ridge, w, mixed, implicit())).rejects.toThrow(ShapeError);
  });

  it('options are checked', async () => {
    expect(() => implicit({ curvature: 'fisher' as 'hessian' })).toThrow(InputError);
    expect(() => implicit({ solvr: 1 } as object)).toThrow(/'solvr' of implicit/);
    expect(() => implicit({ estimate: { mu: 0 } })).toThrow(InputError);
    expect(() => implicit({ estimate: { products: 1.5 } })).toThrow(InputError);
    expect(() => implicit({ solver: 'cg' as never })).toThrow(InputError);
    const newton = implicit({ curvature: 'gauss-newton' });
    await expect(hypergradient(ridge, w, λ, newton)).rejects.toThrow(/innerGaussNewton/);
    const unrolling = unrolled({ method: gradientDescent(0.1), steps: 2 });
    await expect(hypergradient(ridge, w, λ, unrolling, { start: w })).rejects.toThrow(InputError);
    await expect(hypergradient(ridge, w, λ, undefined as never)).rejects.toThrow(InputError);
  });
});

describe('diagnostics at any scale', () => {
  it.each([1e-30, 1e-15, 1, 1e15])('norms and zeros of tensors, at %d', async (scale) => {
    // f = ½‖w‖² − scale λ·w, g = ⟨c, w⟩: w = scale λ, dg/dλ = scale c.
    const problem = {
      inner: ({ w }: NamedTensors, { used }: NamedTensors) =>
        tf.sub(
          tf.mul(0.5, tf.sum(tf.square(w!))),
          tf.mul(scale, tf.sum(tf.mul(used!, w!))),
        ) as tf.Scalar,
      outer: ({ w }: NamedTensors) => tf.sum(w!) as tf.Scalar,
    };
    const w = { w: tf.tensor1d([3 * scale, 4 * scale]) };
    const λ = { used: tf.tensor1d([0, 0]), unused: tf.tensor1d([1]) };
    const { value, stats } = await hypergradient(problem, w, λ, implicit({ estimate: false }));
    expect(stats.zero).toEqual(['unused']);
    expect(value.used!.dataSync()[0]! / scale).toBeCloseTo(1, 4);
    expect(stats.innerGradientNorm / scale).toBeCloseTo(5, 3);
  });

  it('is not called zero because a solve gave up', async () => {
    // The residual of the first two iterates is larger than that of 0, which the solver returns.
    const H = [1, 1000];
    const problem = {
      innerGradient: (w: Float64Array, λ: Float64Array) => w.map((x, i) => H[i]! * x - λ[i]!),
      innerHessian: () => ({
        apply: (v: Float64Array) => v.map((x, i) => H[i]! * x),
        dispose() {},
      }),
      innerMixed: () => ({
        jvp: (v: Float64Array) => Float64Array.of(-v[0]!, -v[1]!),
        vjp: (u: Float64Array) => Float64Array.of(-u[0]!, -u[1]!, 0),
      }),
      outer: () => ({ value: 0, dw: Float64Array.of(1, 0.01), dλ: new Float64Array(3) }),
    };
    const solver = cg({ maxIterations: 1 });
    const how = implicit({ solver, estimate: false });
    const { adjoint, stats } = await hypergradient(
      problem,
      Float64Array.of(0, 0),
      new Float64Array(3),
      how,
    );
    expect([...adjoint]).toEqual([0, 0]);
    expect(stats.status).toBe('max-iterations');
    expect(stats.zero).toEqual(['2']);
  });
});
