import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { DisposedError, InputError, ShapeError, SolveError } from '../errors';
import { adam, gradientDescent } from '../methods';
import type { LossProblem } from '../problems';
import { cg, dense, gmres, type LinearSolver } from '../solvers';
import { unrolled } from '../unrolling';
import {
  argmin,
  attach,
  augmentation,
  type BilevelOptions,
  biasedRegularization,
  bilevel,
  bilevelProblem,
  decreasingTolerance,
  distillation,
  globalL2,
  hypergradient,
  implicit,
  perFeatureL2,
  perTensorL2,
  perWeightL2,
  sampleWeights,
  stationarity,
  stepControl,
} from '.';
import { numbers } from './testing';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const problem: LossProblem = {
  inner: ({ w }, { l }) => tf.sum(tf.square(tf.sub(w!, l!))) as tf.Scalar,
  outer: ({ w }) => tf.sum(tf.square(w!)) as tf.Scalar,
};
const w = { w: tf.tensor1d([1, 2]) };
const λ = { l: tf.tensor1d([0, 1]) };
const options = (rest: object = {}): BilevelOptions<never> => ({
  ...{ w, λ, how: implicit(), steps: 2 },
  ...{ inner: { optimizer: gradientDescent(0.1), steps: 1 } },
  ...{ outer: { optimizer: gradientDescent(0.1) } },
  ...rest,
});
const close = (x: tf.Tensor, expected: number[]) => {
  for (const [i, value] of x.dataSync().entries()) expect(value).toBeCloseTo(expected[i]!, 4);
};
const odd = { zz: 1 } as object;

describe('a misspelt option is refused', () => {
  it.each<[string, () => unknown]>([
    ['bilevel', () => bilevel(problem, options(odd))],
    ['inner', () => bilevel(problem, options({ inner: { ...options().inner, zz: 1 } }))],
    ['outer', () => bilevel(problem, options({ outer: { ...options().outer, zz: 1 } }))],
    ['implicit', () => implicit(odd)],
    ['estimate', () => implicit({ estimate: odd })],
    [
      'argmin',
      () =>
        argmin(
          (θ) => θ!,
          (x: tf.Tensor, θ) => tf.sub(x, θ!),
          odd,
        ),
    ],
    ['attach', () => attach(w.w, (x: tf.Tensor, θ) => tf.sub(x, θ!), odd)],
    ['stepControl', () => stepControl(odd)],
    ['decreasingTolerance', () => decreasingTolerance(odd)],
    ['adam', () => adam(0.1, odd)],
    ['perWeightL2', () => perWeightL2(odd)],
    ['perFeatureL2', () => perFeatureL2(odd)],
    ['perTensorL2', () => perTensorL2(odd)],
    ['globalL2', () => globalL2(odd)],
    ['sampleWeights', () => sampleWeights({ count: 3, ...odd })],
    ['biasedRegularization', () => biasedRegularization({ strength: 1, ...odd })],
    ['distillation', () => distillation({ targets: [[1]], shape: [2], ...odd })],
    ['augmentation', () => augmentation({ transform: (x) => x, initial: () => ({}), ...odd })],
  ])('%s', (_, call) => {
    expect(call).toThrow(InputError);
    expect(call).toThrow(/zz/);
  });

  it('hypergradient', async () => {
    const call = hypergradient(problem, w, λ, implicit(), odd);
    await expect(call).rejects.toThrow(/'zz' of hypergradient/);
  });
});

describe('what cannot be is refused before anything is done', () => {
  it.each<[string, () => Promise<unknown>]>([
    ['no hyperparameters', () => hypergradient(problem, w, {}, implicit())],
    ['no problem', () => hypergradient(undefined as never, w, λ, implicit())],
    ['a float64 problem', () => hypergradient({} as never, w, λ, implicit())],
    ['integers', () => hypergradient(problem, w, { l: tf.tensor1d([1, 2], 'int32') }, implicit())],
    [
      'a kind of examples without any',
      () =>
        hypergradient(
          bilevelProblem((w) => w.w as tf.Tensor1D, perWeightL2()) as unknown as LossProblem,
          w,
          { w: tf.tensor1d([0, 0]) },
          implicit(),
        ),
    ],
  ])('%s', async (_, call) => {
    const before = tf.memory().numTensors;
    await expect(call()).rejects.toThrow(InputError);
    expect(tf.memory().numTensors - before).toBeLessThanOrEqual(1);
  });

  it.each<[string, object]>([
    ['a checkpoint', { checkpoint: { step: 1 } }],
    ['a progress', { progress: {} }],
    ['a tolerance', { tolerance: 0.1 }],
    ['batches', { batches: { inner: 1 } }],
    ['a way', { how: { name: 'implicit' } }],
  ])('%s of a run that is none', (_, rest) => {
    expect(() => bilevel(problem, options(rest))).toThrow(InputError);
  });

  it('an asynchronous loss', async () => {
    const inner = async () => tf.scalar(1);
    const run = bilevel({ ...problem, inner: inner as never }, options());
    await expect(run[Symbol.asyncIterator]().next()).rejects.toThrow(ShapeError);
  });
});

describe('a solver of the user', () => {
  const own: LinearSolver = {
    name: 'own',
    solve: (A, b, given) => cg().solve(A, b, given),
  } as LinearSolver;

  it('solves in a run with tolerances', async () => {
    const run = bilevel(
      problem,
      options({ how: implicit({ solver: own }), tolerance: decreasingTolerance() }),
    );
    for await (const { status } of run) expect(status).toBe('converged');
    run.dispose();
  });

  it('is refused where a derivative cannot wait for it', () => {
    const F = (x: tf.Tensor, θ?: tf.Tensor) => tf.sub(x, θ!);
    expect(() => argmin((θ) => θ!, F, { solver: own })).toThrow(/waited for/);
    expect(() => argmin((θ) => θ!, F, { solver: cg as never })).toThrow(InputError);
  });
});

describe('arguments of a solution', () => {
  const shifted = argmin(
    (θ, index) => tf.gather(θ!, index!),
    (x: tf.Tensor, θ, index) => tf.sub(x, tf.square(tf.gather(θ!, index!))),
  );

  it('may be integers, which are constants', () => {
    const index = tf.tensor1d([2, 0, 2], 'int32');
    const θ = tf.tensor1d([1, 2, 3]);
    const loss = (θ: tf.Tensor) => tf.sum(shifted(θ, index)) as tf.Scalar;
    // Σ θ[i]²: 2θ times how often each was chosen.
    close(tf.grad(loss)(θ), [2, 0, 12]);
    // And a derivative of the derivative.
    const constant = argmin(
      (θ, index) => tf.square(tf.gather(θ!, index!)),
      (x: tf.Tensor, θ, index) => tf.sub(x, tf.square(tf.gather(θ!, index!))),
    );
    const second = tf.grad((θ) =>
      tf.sum(tf.grad((θ) => tf.sum(constant(θ, index)) as tf.Scalar)(θ)),
    );
    close(second(θ), [2, 0, 4]);
  });

  it('may be many, some of them booleans made in the loss', () => {
    const total = argmin(
      (...θ) => tf.addN(θ.slice(0, 5)),
      (x: tf.Tensor, ...θ) => tf.mul(tf.cast(θ[5]!, 'float32'), tf.sub(x, tf.addN(θ.slice(0, 5)))),
    );
    const five = [1, 2, 3, 4, 5].map((value) => tf.tensor1d([value, -value]));
    const gradients = tf.grads((...θ: tf.Tensor[]) =>
      tf.tidy(() => tf.sum(tf.square(total(...θ, tf.greater(tf.tensor1d([1, 2]), 0))))),
    )(five);
    for (const gradient of gradients) close(gradient, [30, -30]);
  });

  it('that are not tensors, and an optimality in another shape, are refused', () => {
    expect(() => shifted(3 as never, 4 as never)).toThrow(/the number 3 as argument 1/);
    const loss = argmin((θ) => θ!, ((x: tf.Tensor, θ: tf.Tensor) =>
      tf.sum(tf.square(tf.sub(x, θ)))) as never) as (θ: tf.Tensor) => tf.Tensor;
    const before = tf.memory().numTensors;
    expect(() => tf.grad((θ) => tf.sum(loss(θ)))(w.w)).toThrow(/stationarity/);
    expect(tf.memory().numTensors).toBe(before);
    expect(() => stationarity(undefined as never)).toThrow(InputError);
    const promised = argmin((async () => w.w) as never, (x: tf.Tensor) => x);
    expect(() => promised(w.w)).toThrow(/Await it outside/);
  });
});

describe('a linear solve that does not converge', () => {
  // Two eigenvalues, one iteration.
  const stiff: LossProblem = {
    inner: ({ w }, { l }) =>
      tf.sum(tf.mul(tf.tensor1d([1, 100]), tf.square(tf.sub(w!, l!)))) as tf.Scalar,
    outer: ({ w }) => tf.sum(tf.square(w!)) as tf.Scalar,
  };
  const solver = cg({ maxIterations: 1 });

  it('is told by its status, or thrown with it', async () => {
    const { stats, value, adjoint } = await hypergradient(stiff, w, λ, implicit({ solver }));
    expect(stats.status).toBe('max-iterations');
    tf.dispose([value, adjoint]);
    const before = tf.memory().numTensors;
    const thrown = await hypergradient(stiff, w, λ, implicit({ solver, onFailure: 'throw' })).catch(
      (error) => error,
    );
    expect(thrown).toBeInstanceOf(SolveError);
    expect(thrown.status).toBe('max-iterations');
    expect(thrown.residualNorm).toBeCloseTo(stats.residual, 5);
    expect(tf.memory().numTensors).toBe(before);
    const good = implicit({ solver: dense(), onFailure: 'throw' });
    const { value: exact } = await hypergradient(stiff, w, λ, good);
    expect(numbers(exact)).toEqual([2, 4]);
  });

  it('inside a gradient too, and no step of a run is taken with it', async () => {
    const F = (x: tf.Tensor, θ?: tf.Tensor) => tf.mul(tf.tensor1d([1, 100]), tf.sub(x, θ!));
    const options = { solver: gmres({ maxIterations: 1 }), onFailure: 'throw' } as const;
    const solution = argmin((θ) => θ!, F, options);
    expect(() => tf.grad((θ) => tf.sum(solution(θ)))(w.w)).toThrow(SolveError);
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
    const warned = argmin((θ) => θ!, F, { ...options, onFailure: 'return' });
    expect(tf.grad((θ) => tf.sum(warned(θ)))(w.w).shape).toEqual([2]);
    expect(warn).toHaveBeenCalledTimes(1);
    warn.mockRestore();
    expect(() => argmin((θ) => θ!, F, { onFailure: 'ignore' as never })).toThrow(InputError);

    const how = implicit({ solver, onFailure: 'throw' });
    const run = bilevel(stiff, {
      ...{ w, λ, how },
      ...{ inner: { optimizer: gradientDescent(1e-3), steps: 1 } },
      ...{ outer: { optimizer: gradientDescent(0.1) } },
    });
    await expect(run[Symbol.asyncIterator]().next()).rejects.toThrow(SolveError);
    expect(numbers(run.λ)).toEqual([0, 1]);
    expect(numbers(run.w)).toEqual([1, 2]);
    run.dispose();
  });
});

it.each([
  ['implicit', implicit()],
  ['unrolled', unrolled({ method: gradientDescent(0.1), steps: 2 })],
])('%s, called by itself, refuses tensors that are disposed', async (_, how) => {
  const gone = { w: tf.tensor1d([1, 2]) };
  gone.w.dispose();
  await expect(how.differentiate(problem, gone, λ)).rejects.toThrow(DisposedError);
  await expect(how.differentiate(problem, w, { l: gone.w })).rejects.toThrow(DisposedError);
});

it.each([null, undefined, 'a problem', { inner: problem.inner }])(
  'differentiates no problem that is %o, in either way',
  async (none) => {
    const ways = [implicit(), unrolled({ method: gradientDescent(0.1), steps: 2 })];
    for (const how of ways) {
      await expect(how.differentiate(none as never, w, λ)).rejects.toThrow(InputError);
    }
  },
);
