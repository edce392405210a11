import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { leaveOutOfQuickRun, leaveOutWithoutPrograms, needs } from '../../test/needs';
import { compiled, flatSpaceOn, markAuxiliary, switchPrograms } from '../autodiff';
import { normal, relativeError } from '../autodiff/testing';
import { useBackend } from '../backends';
import type { Heap } from '../backends/wasm/kernels/heap';
import { implicitSGD } from '../descent';
import { adam, gradientDescent, heavyBall, type Method, nesterov } from '../methods';
import { cg, gmres, type LinearSolver, minres, neumann } from '../solvers';
import { mapTensors, type NamedTensors } from '../spaces';
import { unrolled } from '../unrolling';
import { bilevel, hypergradient, implicit } from '.';

leaveOutOfQuickRun();
leaveOutWithoutPrograms();

/** Programs multiply matrices by the system's library, or by themselves. */
const libraries = needs('blas').available ? [true, false] : [false];

afterEach(() => switchPrograms(true));

type Loss = (w: NamedTensors, λ: NamedTensors) => tf.Scalar;

/** A random problem: a layer of tanh and a penalty for each weight, or logistic regression. */
function problemOf(seed: number) {
  const [n, d, h] = [7 + (seed % 3), 3 + (seed % 4), 2 + (seed % 2)];
  const [X, Xv] = [normal([n, d], seed), normal([n, d], seed + 1)] as tf.Tensor2D[];
  const y = tf.sign(normal([n, 1], seed + 2));
  const predict = (w: NamedTensors, x: tf.Tensor2D) =>
    seed % 2 === 0
      ? tf.matMul(x, w.u as tf.Tensor2D)
      : tf.matMul(tf.tanh(tf.add(tf.matMul(x, w.W as tf.Tensor2D), w.b!)), w.v as tf.Tensor2D);
  const loss = (z: tf.Tensor) => tf.mean(tf.softplus(tf.neg(tf.mul(y, z))));
  const inner: Loss = (w, λ) => {
    const parts = Object.keys(w).map((name) =>
      tf.sum(tf.mul(tf.exp(λ[name]!), tf.square(w[name]!))),
    );
    return tf.add(loss(predict(w, X!)), tf.mul(0.5, tf.addN(parts))) as tf.Scalar;
  };
  const outer: Loss = (w, λ) =>
    tf.add(loss(predict(w, Xv!)), tf.mul(0.01, tf.sum(tf.square(Object.values(λ)[0]!))));
  const shapes: Record<string, number[]> =
    seed % 2 === 0 ? { u: [d, 1] } : { W: [d, h], b: [h], v: [h, 1] };
  const w = Object.fromEntries(
    Object.entries(shapes).map(([name, shape], i) => [name, normal(shape, seed + 5 + i, 0.3)]),
  );
  // Strong enough that the Hessian is positive definite.
  const λ = mapTensors(w, ({ shape }) => tf.add(normal(shape, seed + 9, 0.2), 0.3));
  const problem = { inner: compiled(inner), outer: compiled(outer) };
  return { problem, plain: { inner, outer }, w, λ };
}

const bytes = () => flatSpaceOn(tf.backend() as Heap).bytes;
const seeds = [2, 3];

/** What is computed, by programs and then operation by operation. */
async function bothWays<T>(compute: () => Promise<T>): Promise<[T, T]> {
  const found = await compute();
  switchPrograms(false);
  const wanted = await compute();
  switchPrograms(true);
  return [found, wanted];
}

const solvers: [string, () => LinearSolver][] = [
  ['cg', () => cg({ tolerance: 1e-6 })],
  ['cg cut off', () => cg({ tolerance: 0, maxIterations: 2, best: 'energy' })],
  ['minres', () => minres({ tolerance: 1e-5 })],
  ['gmres', () => gmres({ tolerance: 1e-5 })],
  ['neumann', () => neumann({ terms: 15, scale: 0.3 })],
  ['neumann, scaled by itself', () => neumann({ terms: 15 })],
  ['cg, damped', () => cg({ tolerance: 1e-6, damping: 0.1 })],
];

describe.each(libraries)('a declared problem, with OpenBLAS: %s', (blas) => {
  beforeAll(() => useBackend('wasm', { threads: 1, blas }));

  it.each(solvers)('has the implicit derivative that operations give: %s', async (_, solver) => {
    for (const seed of seeds) {
      const { problem, w, λ } = problemOf(seed);
      const [before, held] = [tf.memory().numTensors, bytes()];
      const [found, wanted] = await bothWays(async () => {
        const how = implicit({ solver: solver(), estimate: { mu: 1, products: 3 } });
        return hypergradient(problem, w, λ, how);
      });
      expect(relativeError(found.value, wanted.value)).toBeLessThan(2e-5);
      expect(relativeError(found.adjoint, wanted.adjoint)).toBeLessThan(2e-5);
      expect(found.stats.status).toBe(wanted.stats.status);
      expect(found.stats.iterations).toBe(wanted.stats.iterations);
      expect(found.stats.products).toBe(wanted.stats.products);
      expect(found.stats.innerGradientNorm).toBeCloseTo(wanted.stats.innerGradientNorm, 5);
      expect(found.stats.error!.bound / wanted.stats.error!.bound).toBeCloseTo(1, 1);
      tf.dispose([found.value, found.adjoint, wanted.value, wanted.adjoint]);
      // What the losses capture is kept for them.
      problem.inner.free();
      problem.outer.free();
      expect(tf.memory().numTensors).toBe(before);
      expect(bytes()).toBe(held);
    }
  });

  it('has the same derivative, to the last bit, where what it is given is overwritten and freed at once', async () => {
    for (const seed of seeds) {
      const { problem, w, λ } = problemOf(seed);
      const how = implicit({ solver: cg({ tolerance: 1e-6 }) });
      const begin = mapTensors(w, ({ shape }) => normal(shape, seed + 3));
      const first = await hypergradient(problem, w, λ, how, { start: begin });
      const [before, held] = [tf.memory().numTensors, bytes()];
      const copies = tf.tidy(() =>
        [w, λ, begin].map((x) => mapTensors(x, (value) => tf.variable(value))),
      );
      const [ownW, ownλ, start] = copies as [NamedTensors, NamedTensors, NamedTensors];
      const again = hypergradient(problem, ownW, ownλ, how, { start });
      for (const value of copies.flatMap((x) => Object.values(x))) {
        tf.tidy(() => (value as tf.Variable).assign(tf.onesLike(value)));
        value.dispose();
      }
      const { value, adjoint, stats } = await again;
      expect(relativeError(value, first.value)).toBe(0);
      expect(relativeError(adjoint, first.adjoint)).toBe(0);
      expect(stats.products).toBe(first.stats.products);
      tf.dispose([value, adjoint]);
      expect(tf.memory().numTensors).toBe(before);
      expect(bytes()).toBe(held);
      tf.dispose([first.value, first.adjoint, begin]);
      problem.inner.free();
      problem.outer.free();
    }
  });

  const methods: [string, Method][] = [
    ['gradient descent', gradientDescent(0.3)],
    ['a rate for each step', gradientDescent(Array.from({ length: 12 }, (_, t) => 0.3 / (1 + t)))],
    ['momentum', heavyBall({ step: 0.2, momentum: 0.7 })],
    ['nesterov', nesterov({ step: 0.2, momentum: 0.5 })],
    ['adam', adam(0.05)],
  ];
  const ways = [{}, { truncate: 4 }, { checkpoint: 'sqrt' as const }];

  it.each(methods)('has the unrolled derivative that operations give: %s', async (_, method) => {
    for (const seed of seeds) {
      for (const way of ways) {
        const { problem, w, λ } = problemOf(seed);
        const [before, held] = [tf.memory().numTensors, bytes()];
        const how = unrolled({ method, steps: 12, ...way });
        const [found, wanted] = await bothWays(() => hypergradient(problem, w, λ, how));
        expect(relativeError(found.value, wanted.value)).toBeLessThan(2e-5);
        expect(relativeError(found.w, wanted.w)).toBeLessThan(1e-5);
        expect(found.adjoint === undefined).toBe(wanted.adjoint === undefined);
        if (found.adjoint && wanted.adjoint) {
          expect(relativeError(found.adjoint, wanted.adjoint)).toBeLessThan(2e-5);
        }
        const { peakBytes: _f, execution: _e, ...stats } = found.stats;
        expect(wanted.stats).toMatchObject(stats);
        tf.dispose([found, wanted].map(({ value, w, adjoint }) => [value, w, adjoint ?? []]));
        problem.inner.free();
        problem.outer.free();
        expect(tf.memory().numTensors).toBe(before);
        expect(bytes()).toBe(held);
      }
    }
  });

  it.each<[string, () => tf.Optimizer]>([
    ['an optimizer of TensorFlow.js', () => tf.train.sgd(0.3)],
    ['one with moments', () => tf.train.adam(0.1)],
    ['implicit steps', () => implicitSGD(1)],
  ])('is trained as operations do, by tensors: %s', async (_, make) => {
    for (const seed of seeds) {
      const { problem, w, λ } = problemOf(seed);
      const held = bytes();
      const [found, wanted] = await bothWays(async () => {
        const run = bilevel(problem, {
          w,
          λ,
          inner: { optimizer: make(), steps: 4 },
          outer: { optimizer: gradientDescent(0.1) },
          how: implicit({ solver: cg({ tolerance: 1e-6 }), estimate: false }),
          steps: 3,
        });
        const seen = [];
        for await (const step of run) seen.push(step);
        const last = mapTensors(run.λ, (value) => tf.keep(value.clone()));
        run.dispose();
        return { seen, last };
      });
      expect(relativeError(found.last, wanted.last)).toBeLessThan(1e-4);
      found.seen.forEach((step, i) => {
        const other = wanted.seen[i]!;
        expect(step.innerLoss / other.innerLoss).toBeCloseTo(1, 3);
        expect(step.outerLoss / other.outerLoss).toBeCloseTo(1, 3);
        expect(step.hypergradientNorm / other.hypergradientNorm).toBeCloseTo(1, 3);
      });
      tf.dispose([found.last, wanted.last]);
      problem.inner.free();
      problem.outer.free();
      expect(bytes()).toBe(held);
    }
  });

  it.each(methods)('is trained as operations do: %s', async (_, optimizer) => {
    for (const seed of seeds) {
      const { problem, w, λ } = problemOf(seed);
      const [before, held] = [tf.memory().numTensors, bytes()];
      const [found, wanted] = await bothWays(async () => {
        const run = bilevel(problem, {
          w,
          λ,
          inner: { optimizer, steps: 6 },
          outer: { optimizer: gradientDescent(0.1) },
          how: implicit({ solver: cg({ tolerance: 1e-6 }), estimate: false }),
          tolerance: (k) => (k === 1 ? 0 : 1e-3),
          steps: 2,
        });
        const seen = [];
        for await (const { seconds: _, ...step } of run) seen.push(step);
        const { w: last, λ: moved } = run;
        const result = tf.tidy(() =>
          [last, moved].map((x) => mapTensors(x, (value) => tf.keep(value.clone()))),
        );
        run.dispose();
        return { seen, result };
      });
      found.result.forEach((x, i) => {
        expect(relativeError(x, wanted.result[i]!)).toBeLessThan(2e-5);
      });
      found.seen.forEach((step, i) => {
        const other = wanted.seen[i]!;
        expect(step.innerSteps).toBe(other.innerSteps);
        expect(step.innerLoss).toBeCloseTo(other.innerLoss, 5);
        expect(step.outerLoss).toBeCloseTo(other.outerLoss, 5);
        expect(step.hypergradientNorm).toBeCloseTo(other.hypergradientNorm, 5);
      });
      tf.dispose([found.result, wanted.result]);
      problem.inner.free();
      problem.outer.free();
      expect(tf.memory().numTensors).toBe(before);
      expect(bytes()).toBe(held);
    }
  });

  it('whose outer loss is not declared, or marks something, has the same derivative', async () => {
    const { problem, plain, w, λ } = problemOf(3);
    const how = implicit({ solver: cg({ tolerance: 1e-6 }), estimate: false });
    const wanted = await hypergradient(plain, w, λ, how);
    const found = await hypergradient({ ...problem, outer: plain.outer }, w, λ, how);
    expect(relativeError(found.value, wanted.value)).toBeLessThan(2e-5);
    const outer = compiled((w: NamedTensors, λ: NamedTensors) => {
      const loss = plain.outer(w, λ);
      markAuxiliary({ loss });
      return loss;
    });
    for (let i = 0; i < 2; i++) {
      const marked = await hypergradient({ ...problem, outer }, w, λ, how);
      expect(relativeError(marked.value, wanted.value)).toBeLessThan(2e-5);
      expect(Object.keys(marked.auxiliary!)).toEqual(['loss']);
    }
  });

  it('a loss that is NaN is refused, and nothing is left', async () => {
    const { problem, w, λ } = problemOf(3);
    const how = unrolled({ method: gradientDescent(0.1), steps: 5 });
    const good = await hypergradient(problem, w, λ, how);
    tf.dispose([good.value, good.w, good.adjoint!]);
    const [before, held] = [tf.memory().numTensors, bytes()];
    const wrong = mapTensors(w, (value) => tf.mul(value, Number.NaN));
    await expect(hypergradient(problem, wrong, λ, how)).rejects.toThrow('a loss of NaN');
    await expect(hypergradient(problem, wrong, λ, implicit())).rejects.toThrow(/NaN/);
    const steep = unrolled({ method: gradientDescent(1e20), steps: 20 });
    await expect(hypergradient(problem, w, λ, steep)).rejects.toThrow(/finite/);
    tf.dispose(wrong);
    expect(tf.memory().numTensors).toBe(before);
    expect(bytes()).toBe(held);
  });

  it('lets timers run in a long derivative, which can be ended in between', async () => {
    const { problem, w, λ } = problemOf(3);
    const [before, held] = [tf.memory().numTensors, bytes()];
    let ticks = 0;
    const timer = setInterval(() => ticks++, 1);
    const how = unrolled({ method: gradientDescent(0.01), steps: 30_000 });
    const watch = () => {
      if (ticks > 1) throw new Error('ended');
    };
    await expect(how.differentiate(problem, w, λ, { watch })).rejects.toThrow('ended');
    clearInterval(timer);
    problem.inner.free();
    problem.outer.free();
    expect(tf.memory().numTensors).toBe(before);
    expect(bytes()).toBe(held);
  });
});
