import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { bilevelRidge, logarithmic, regressionData } from '../datasets';
import { implicitSGD } from '../descent';
import { InputError, NotFiniteError } from '../errors';
import { mapTensors, type NamedTensors } from '../spaces';
import { gradientDescent, type LossProblem, unrolled } from '../unrolling';
import { type BilevelRun, bilevel, decreasingTolerance, implicit, type OuterStep } from '.';
import { distance, numbers, ridgeLosses } from './testing';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const data = regressionData({ train: 8, validation: 40, features: 5, noise: 1, seed: 5 });
const known = logarithmic(bilevelRidge(data, { penalty: 'shared' }));
const byλ = ridgeLosses(data);
/** Ridge by the logarithm of one λ. */
const problem: LossProblem = {
  inner: (w, { x }, step) => byλ.inner(w, { x: tf.exp(x!) }, step),
  outer: byλ.outer,
};
const w0 = () => ({ x: tf.zeros([5]) });
const λ0 = () => ({ x: tf.tensor1d([-3]) });
const how = implicit({ estimate: false });
const inner = () => ({ optimizer: tf.train.sgd(0.4), steps: 40 });
const outer = () => ({ optimizer: tf.train.adam(0.2) });

async function collect(run: BilevelRun): Promise<OuterStep[]> {
  const steps: OuterStep[] = [];
  for await (const step of run) steps.push(step);
  return steps;
}

/** The best log λ, by bisection of the closed-form hypergradient. */
function best(): number {
  let [low, high] = [-6, 3];
  while (high - low > 1e-9) {
    const middle = (low + high) / 2;
    if (known.hypergradient(Float64Array.of(middle))[0]! > 0) high = middle;
    else low = middle;
  }
  return low;
}

describe('bilevel finds the best penalty', () => {
  const ways = {
    implicit: () => bilevel(problem, { ...common(), how, inner: inner() }),
    'implicit, with an implicit optimizer inside': () =>
      bilevel(problem, { ...common(), how, inner: { optimizer: implicitSGD(10), steps: 3 } }),
    unrolled: () =>
      bilevel(problem, {
        ...common(),
        how: unrolled({ method: gradientDescent(0.4), steps: 60 }),
      }),
    'to decreasing tolerances': () =>
      bilevel(problem, {
        ...common(),
        how,
        inner: { optimizer: tf.train.sgd(0.4), steps: 500 },
        tolerance: decreasingTolerance(),
      }),
  };
  const common = () => ({ w: w0(), λ: λ0(), outer: outer(), steps: 60 });

  it.each(Object.entries(ways))('%s', async (_, start) => {
    const run = start();
    const steps = await collect(run);
    expect(steps.map(({ step }) => step)).toEqual(Array.from({ length: 60 }, (_, i) => i + 1));
    expect(Math.abs(numbers(run.λ)[0]! - best())).toBeLessThan(0.1);
    const at = Float64Array.of(best());
    const least = known.outer(known.solution(at), at).value;
    expect(steps[59]!.outerLoss).toBeLessThan(1.002 * least);
    const first = Float64Array.of(-3);
    expect(known.outer(known.solution(first), first).value).toBeGreaterThan(1.1 * least);
    run.dispose();
  });
});

describe('what a step says', () => {
  it('is the truth at the weights it was taken at', async () => {
    const long = { optimizer: tf.train.sgd(0.4), steps: 600 };
    const λ = λ0();
    const full = { w: w0(), λ, outer: outer(), how: implicit(), inner: long, steps: 1 };
    const run = bilevel(problem, full);
    const [step] = await collect(run);
    const at = Float64Array.of(-3);
    expect(step!.hypergradientNorm).toBeCloseTo(Math.abs(known.hypergradient(at)[0]!), 5);
    const solution = known.solution(at);
    expect(step!.innerLoss).toBeCloseTo(known.inner(solution, at), 5);
    expect(step!.status).toBe('converged');
    expect(step!.innerGradientNorm).toBeLessThan(1e-5);
    expect(step!.error).toBeLessThan(1e-3);
    expect(step!.innerSteps).toBe(600);
    expect(numbers(λ)).toEqual([-3]);
    run.dispose();
  });

  it('ends inner steps at the tolerance, and a warm start makes them fewer', async () => {
    const tolerance = () => 1e-3;
    const steps = { optimizer: tf.train.sgd(0.4), steps: 500 };
    const options = { w: w0(), λ: λ0(), how, inner: steps, tolerance, steps: 8 };
    const warm = bilevel(problem, { ...options, outer: outer() });
    const cold = bilevel(problem, { ...options, outer: outer(), restart: true });
    const [a, b] = [await collect(warm), await collect(cold)];
    for (const { innerGradientNorm } of [...a, ...b]) {
      expect(innerGradientNorm).toBeLessThan(1.001e-3);
    }
    expect(a[0]!.innerSteps).toBe(b[0]!.innerSteps);
    expect(a[7]!.innerSteps).toBeLessThan(b[7]!.innerSteps);
    warm.dispose();
    cold.dispose();
  });
});

describe('an interrupted run', () => {
  const adams = () => ({
    w: w0(),
    λ: λ0(),
    how,
    inner: { optimizer: tf.train.adam(0.05), steps: 4 },
    outer: outer(),
  });

  it('goes on after JSON as if nothing had happened', async () => {
    const whole = bilevel(problem, { ...adams(), steps: 8 });
    const expected = await collect(whole);
    const first = bilevel(problem, { ...adams(), steps: 5 });
    await collect(first);
    const checkpoint = JSON.parse(JSON.stringify(await first.save()));
    const second = bilevel(problem, { ...adams(), steps: 8, checkpoint });
    const rest = await collect(second);
    expect(rest.map(({ step }) => step)).toEqual([6, 7, 8]);
    rest.forEach((step, i) => {
      expect(step.outerLoss).toBeCloseTo(expected[5 + i]!.outerLoss, 5);
      expect(step.hypergradientNorm).toBeCloseTo(expected[5 + i]!.hypergradientNorm, 5);
    });
    // Adam keeps its powers of β as a count of steps, which costs a rounding.
    expect(distance(numbers(second.λ), numbers(whole.λ))).toBeLessThan(1e-6);
    expect(distance(numbers(second.w), numbers(whole.w))).toBeLessThan(1e-6);
    for (const run of [whole, first, second]) run.dispose();
  });

  it('goes on in a new loop after a break', async () => {
    const run = bilevel(problem, { ...adams(), steps: 6 });
    const seen: number[] = [];
    for await (const { step } of run) {
      seen.push(step);
      if (step === 2) break;
    }
    for await (const { step } of run) seen.push(step);
    expect(seen).toEqual([1, 2, 3, 4, 5, 6]);
    run.dispose();
  });
});

describe('batches', () => {
  it('are asked for by the number of the step', async () => {
    const asked: string[] = [];
    const note = (what: string) => (t: number) => {
      asked.push(`${what}${t}`);
      return 1;
    };
    const scaled = {
      inner: (w: NamedTensors, λ: NamedTensors, s: number) =>
        tf.mul(s, problem.inner(w, λ, 1)) as tf.Scalar,
      outer: (w: NamedTensors, λ: NamedTensors, s: number) =>
        tf.mul(s, problem.outer(w, λ)) as tf.Scalar,
    };
    const batches = { inner: note('i'), outer: note('o'), curvature: note('c') };
    const few = { optimizer: tf.train.sgd(0.4), steps: 2 };
    const run = bilevel(scaled, {
      ...{ w: w0(), λ: λ0(), how, inner: few, outer: outer(), steps: 2 },
      batches,
    });
    await collect(run);
    expect([...new Set(asked)]).toEqual(['i1', 'i2', 'o1', 'c1', 'i3', 'i4', 'o2', 'c2']);
    asked.length = 0;
    const resumed = bilevel(scaled, {
      ...{ w: w0(), λ: λ0(), how, inner: { ...few }, outer: outer(), steps: 3 },
      ...{ batches, checkpoint: await run.save() },
    });
    await collect(resumed);
    expect([...new Set(asked)]).toEqual(['i5', 'i6', 'o3', 'c3']);
    run.dispose();
    resumed.dispose();
  });
});

describe('trouble', () => {
  it('a NaN in a batch leaves w and λ as they were, and the run can go on', async () => {
    let broken = false;
    const fragile: LossProblem = {
      ...problem,
      inner: (w, λ, t) =>
        tf.mul(broken && t === 6 ? Number.NaN : 1, problem.inner(w, λ, t)) as tf.Scalar,
    };
    const few = { optimizer: tf.train.sgd(0.4), steps: 4 };
    const run = bilevel(fragile, { w: w0(), λ: λ0(), how, inner: few, outer: outer(), steps: 3 });
    const steps = run[Symbol.asyncIterator]();
    await steps.next();
    const before = [numbers(run.w), numbers(run.λ)];
    broken = true;
    await expect(steps.next()).rejects.toThrow(NotFiniteError);
    expect([numbers(run.w), numbers(run.λ)]).toEqual(before);
    broken = false;
    expect((await collect(run)).map(({ step }) => step)).toEqual([2, 3]);
    run.dispose();
  });

  it('leaves no tensor behind', async () => {
    const [w, λ] = [w0(), λ0()];
    const few = () => ({ optimizer: tf.train.sgd(0.4), steps: 2 });
    const once = async (steps: number) => {
      const sgd = { optimizer: tf.train.sgd(0.1) };
      const options = { w, λ, how: implicit(), inner: few(), outer: sgd, steps };
      const run = bilevel(problem, { ...options, tolerance: () => 1e-2 });
      await collect(run);
      await run.save();
      run.dispose();
      for (const { optimizer } of [options.inner, sgd]) optimizer.dispose();
    };
    await once(1);
    const { numTensors } = tf.memory();
    await once(3);
    await once(20);
    expect(tf.memory().numTensors).toBe(numTensors);
  });

  it('names options that exclude each other', () => {
    const base = { w: w0(), λ: λ0(), outer: outer() };
    const walk = unrolled({ method: gradientDescent(0.1), steps: 2 });
    expect(() => bilevel(problem, { ...base, how })).toThrow(/inner optimizer/);
    expect(() => bilevel(problem, { ...base, how: walk, inner: inner() })).toThrow(InputError);
    expect(() => bilevel(problem, { ...base, how: walk, tolerance: () => 1 })).toThrow(InputError);
    expect(() => bilevel(problem, { ...base, how, inner: inner(), steps: 0 })).toThrow(InputError);
    expect(() => decreasingTolerance({ factor: 1 })).toThrow(InputError);
  });

  it('refuses a checkpoint of another problem', async () => {
    const run = bilevel(problem, { w: w0(), λ: λ0(), how, inner: inner(), outer: outer() });
    const checkpoint = await run.save();
    const other = mapTensors(w0(), () => tf.zeros([4]));
    const options = { w: other, λ: λ0(), how, inner: inner(), outer: outer(), checkpoint };
    expect(() => bilevel(problem, options)).toThrow(/the saved w/);
    run.dispose();
  });
});

it('the best penalty is where the closed form says', () => {
  const at = Float64Array.of(best());
  expect(Math.hypot(...known.hypergradient(at))).toBeLessThan(1e-7);
  expect(best()).toBeGreaterThan(-5);
});
