import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { leaveOutOfQuickRun } from '../../test/needs';
import { regressionData } from '../datasets';
import { implicitSGD } from '../descent';
import { InputError, NotFiniteError, UnsupportedError } from '../errors';
import { adam, gradientDescent, heavyBall, nesterov } from '../methods';
import { bilevelRidge, type LossProblem, logarithmic } from '../problems';
import { cg, neumann } from '../solvers';
import { mapTensors, type NamedTensors, type Vector } from '../spaces';
import { unrolled } from '../unrolling';
import {
  type BilevelRun,
  bilevel,
  decreasingTolerance,
  hypergradient,
  implicit,
  type OuterStep,
  stepControl,
} from '.';
import { distance, numbers, ridgeLosses } from './testing';

leaveOutOfQuickRun();

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

async function collect<V extends Vector>(run: BilevelRun<V>): Promise<OuterStep[]> {
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

describe('squares of a gradient that overflow end a step, which is undone', () => {
  const steep = (inside: number, outside: number): LossProblem => ({
    inner: ({ w }, { l }) => tf.mul(inside, tf.sum(tf.square(tf.sub(w!, l!)))) as tf.Scalar,
    outer: ({ w }) => tf.mul(outside, tf.sum(w!)) as tf.Scalar,
  });
  const slow = () => gradientDescent(1e-30);
  it.each([
    ['inside, a method', adam(0.1), slow(), 1e25, 1],
    ['inside, an optimizer', tf.train.adam(0.1), slow(), 1e25, 1],
    ['outside, a method', slow(), adam(0.1), 1, 1e25],
    ['outside, an optimizer', slow(), tf.train.rmsprop(0.1), 1, 1e25],
  ])('%s', async (_, optimizer, outerOptimizer, inside, outside) => {
    const run = bilevel(steep(inside, outside), {
      w: { w: tf.tensor1d([1, 2]) },
      λ: { l: tf.tensor1d([0, 1]) },
      how: implicit({ estimate: false }),
      inner: { optimizer, steps: 1 },
      outer: { optimizer: outerOptimizer },
    });
    await expect(run[Symbol.asyncIterator]().next()).rejects.toThrow(NotFiniteError);
    expect([...numbers(run.w), ...numbers(run.λ)]).toEqual([1, 2, 0, 1]);
    run.dispose();
  });
});

describe('in float64', () => {
  const start = () => ({ w: new Float64Array(5), λ: Float64Array.of(-3) });
  const descent = { optimizer: gradientDescent(0.4), steps: 500 };
  const exact = implicit({ solver: cg({ tolerance: 1e-12 }), estimate: false });

  it('λ can be written lambda, in the options, the run and the outer derivatives', async () => {
    const { w, λ } = start();
    const rest = {
      w,
      how: exact,
      inner: descent,
      outer: { optimizer: gradientDescent(1) },
      steps: 3,
    };
    const greek = bilevel(known, { ...rest, λ });
    const latin = bilevel(
      {
        ...known,
        outer(w, λ) {
          const { value, dw, dλ } = known.outer(w, λ);
          return { value, dw, dlambda: dλ };
        },
      },
      { ...rest, lambda: λ },
    );
    await collect(greek);
    await collect(latin);
    expect(latin.lambda).toEqual(greek.λ);
    expect(latin.lambda).not.toEqual(λ);
    const saved = await greek.save();
    expect(saved.lambda).toBe(saved.λ);
    const { λ: renamed, ...others } = JSON.parse(JSON.stringify(saved));
    expect('lambda' in others).toBe(false);
    const resumed = bilevel(known, {
      ...rest,
      λ,
      steps: 1,
      checkpoint: { ...others, lambda: renamed },
    });
    expect(resumed.λ).toEqual(greek.λ);
    const both = { ...rest, λ, lambda: Float64Array.of(-2) } as never;
    expect(() => bilevel(known, both)).toThrow(/as λ and as lambda/);
  });

  it.each([
    ['a step control', stepControl(), 60, 1e-6],
    ['Adam', adam(0.2), 120, 1e-2],
    ['heavy ball', heavyBall({ step: 2, momentum: 0.5 }), 120, 1e-6],
  ])('%s finds the best penalty', async (_, optimizer, steps, tolerance) => {
    const options = { ...start(), how: exact, inner: descent, outer: { optimizer }, steps };
    const run = bilevel(known, { ...options, tolerance: decreasingTolerance({ factor: 0.8 }) });
    await collect(run);
    expect(Math.abs(run.λ[0]! - best())).toBeLessThan(tolerance);
  });

  it('a step says what the closed form says, to 1e-8', async () => {
    const options = { ...start(), how: implicit({ solver: cg({ tolerance: 1e-12 }) }), steps: 1 };
    const long = { optimizer: gradientDescent(0.4), steps: 2000 };
    const run = bilevel(known, { ...options, inner: long, outer: { optimizer: stepControl() } });
    const [step] = await collect(run);
    const { λ } = start();
    const solution = known.solution(λ);
    const slope = known.hypergradient(λ)[0]!;
    expect(Math.abs(step!.hypergradientNorm - Math.abs(slope))).toBeLessThan(1e-8);
    expect(Math.abs(step!.innerLoss - known.inner(solution, λ))).toBeLessThan(1e-8);
    expect(Math.abs(step!.outerLoss - known.outer(solution, λ).value)).toBeLessThan(1e-8);
    expect(step!.products).toBeGreaterThan(5);
    // The first move has length 1, downhill.
    expect(run.λ[0]!).toBeCloseTo(-3 - Math.sign(slope), 12);
  });

  it('unrolled steps find it too, and tensors take methods for optimizers', async () => {
    const how = unrolled({ method: gradientDescent(0.4), steps: 200 });
    const outer = { optimizer: adam(0.2) };
    const one = bilevel(known, { ...start(), how, outer, steps: 120 });
    await collect(one);
    expect(Math.abs(one.λ[0]! - best())).toBeLessThan(1e-2);
    const inner = { optimizer: gradientDescent(0.4), steps: 40 };
    const options = { how: implicit({ estimate: false }), inner, outer, steps: 3 };
    const double = bilevel(known, { ...start(), ...options });
    const single = bilevel(problem, { w: w0(), λ: λ0(), ...options });
    const [a, b] = [await collect(double), await collect(single)];
    a.forEach((step, i) => {
      expect(b[i]!.outerLoss).toBeCloseTo(step.outerLoss, 4);
    });
    expect(numbers(single.λ)[0]).toBeCloseTo(double.λ[0]!, 4);
    single.dispose();
  });

  it('resumes exactly from a checkpoint', async () => {
    const options = (optimizer: ReturnType<typeof stepControl> | ReturnType<typeof adam>) => ({
      ...start(),
      how: exact,
      inner: { optimizer: heavyBall({ step: 0.2, momentum: 0.5 }), steps: 7 },
      outer: { optimizer },
    });
    for (const make of [() => stepControl(), () => adam(0.2)]) {
      const whole = bilevel(known, { ...options(make()), steps: 9 });
      await collect(whole);
      const first = bilevel(known, { ...options(make()), steps: 4 });
      await collect(first);
      const checkpoint = JSON.parse(JSON.stringify(await first.save()));
      const second = bilevel(known, { ...options(make()), steps: 9, checkpoint });
      expect([...second.λ]).toEqual([...first.λ]);
      await collect(second);
      expect([[...second.w], [...second.λ]]).toEqual([[...whole.w], [...whole.λ]]);
    }
  });
});

describe('stepControl', () => {
  const control = stepControl({ first: 2, grow: 1.5, shrink: 0.25 });
  const fresh = { step: 0, loss: 0, tolerance: 0, moved: 0, longest: 0 };
  const first = control.next(fresh, { loss: 10, norm: 4, tolerance: 0.5 });
  const after = (loss: number) => control.next(first, { loss, norm: 1, tolerance: 0.25 }).step;

  it('moves by the first length, then longer, as far or shorter', () => {
    expect(first).toEqual({ step: 0.5, loss: 10, tolerance: 0.5, moved: 2, longest: 2 });
    // 10 + .25 + .5 · (1 + 2) − 2²/(2 · .5) = 7.75
    expect(after(7.7)).toBe(0.75);
    expect(after(7.8)).toBe(0.5);
    expect(after(10)).toBe(0.5);
    expect(after(10.1)).toBe(0.125);
    // Twice as long as any move before at most.
    expect(control.next(first, { loss: 0, norm: 100, tolerance: 0 }).moved).toBe(4);
  });

  it('waits where there is no slope', () => {
    const memory = control.next(fresh, { loss: 1, norm: 0, tolerance: 0 });
    expect(memory).toEqual({ ...fresh, loss: 1 });
  });

  it.each([
    [
      { ...fresh, step: 'a' },
      { loss: 1, norm: 1, tolerance: 0 },
    ],
    [{ step: 1 }, { loss: 1, norm: 1, tolerance: 0 }],
    [fresh, { loss: Number.NaN, norm: 1, tolerance: 0 }],
    [fresh, { loss: 1, tolerance: 0 }],
  ])('refuses a memory and facts that are not numbers: %j, %j', (memory, facts) => {
    expect(() => control.next(memory as never, facts as never)).toThrow(InputError);
  });

  it('prints as a record', () => {
    const record = { name: 'stepControl', first: 2, grow: 1.5, shrink: 0.25 };
    expect(JSON.parse(JSON.stringify(control))).toEqual(record);
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

describe('a step that is cut short without a word', () => {
  it.each([
    ['tf.Optimizers', () => tf.train.adam(0.05), () => tf.train.rmsprop(0.1)],
    ['methods', () => adam(0.05), () => stepControl()],
  ])('%s: is done again as if it had never begun', async (_, inner, outer) => {
    const options = (progress?: { update(done: number): void }) => ({
      w: w0(),
      λ: λ0(),
      inner: { optimizer: inner(), steps: 4 },
      outer: { optimizer: outer() },
      ...(progress && { progress }),
      steps: 6,
    });
    const whole = bilevel(problem, { ...options(), how });
    const expected = await collect(whole);

    let hangs = false;
    let reached = () => {};
    const hung = new Promise<void>((resolve) => {
      reached = resolve;
    });
    const hanging = {
      ...how,
      differentiate(...args: Parameters<typeof how.differentiate>) {
        if (!hangs) return how.differentiate(...args);
        reached();
        return new Promise<never>(() => {});
      },
    } as typeof how;
    const run = bilevel(problem, { ...options(), how: hanging });
    const seen: OuterStep[] = [];
    for await (const step of run) {
      seen.push(step);
      if (step.step === 3) break;
    }
    const before = [numbers(run.w), numbers(run.λ)];
    hangs = true;
    void run[Symbol.asyncIterator]().next();
    await hung;
    expect(numbers(run.w)).not.toEqual(before[0]);
    hangs = false;
    const checkpoint = await run.save();
    expect([numbers(run.w), numbers(run.λ)]).toEqual(before);
    expect(checkpoint.step).toBe(3);
    seen.push(...(await collect(run)));
    expect(seen.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6]);
    seen.forEach((step, i) => {
      expect(step.outerLoss).toBeCloseTo(expected[i]!.outerLoss, 5);
      expect(step.hypergradientNorm).toBeCloseTo(expected[i]!.hypergradientNorm, 5);
    });
    expect(distance(numbers(run.λ), numbers(whole.λ))).toBeLessThan(1e-5);
    expect(distance(numbers(run.w), numbers(whole.w))).toBeLessThan(1e-5);
    for (const one of [whole, run]) one.dispose();
  });
});

describe('any optimizer of TensorFlow.js', () => {
  it.each<[string, () => tf.Optimizer]>([
    ['sgd', () => tf.train.sgd(0.1)],
    ['momentum', () => tf.train.momentum(0.05, 0.8)],
    ['adagrad', () => tf.train.adagrad(0.1)],
    ['adadelta', () => tf.train.adadelta(1, 0.9, 0.01)],
    ['adam', () => tf.train.adam(0.1)],
    ['rmsprop', () => tf.train.rmsprop(0.05)],
    ['rmsprop, centered', () => tf.train.rmsprop(0.01, 0.9, 0.1, 1e-10, true)],
  ])('%s: inside and outside, resumed from a checkpoint', async (_, make) => {
    const options = (steps: number) => ({
      ...{ w: w0(), λ: λ0(), how, steps },
      ...{ inner: { optimizer: make(), steps: 3 }, outer: { optimizer: make() } },
    });
    const whole = bilevel(problem, options(5));
    await collect(whole);
    const first = bilevel(problem, options(2));
    await collect(first);
    const checkpoint = JSON.parse(JSON.stringify(await first.save()));
    const second = bilevel(problem, { ...options(5), checkpoint });
    await collect(second);
    expect(numbers(whole.λ)[0]).not.toBe(-3);
    expect(distance(numbers(second.λ), numbers(whole.λ))).toBeLessThan(1e-6);
    expect(distance(numbers(second.w), numbers(whole.w))).toBeLessThan(1e-6);
    for (const run of [whole, first, second]) run.dispose();
  });
});

it('a restart makes the inner optimizer new again', async () => {
  const steps = { optimizer: tf.train.adam(0.05), steps: 5 };
  const still = { optimizer: tf.train.sgd(0) };
  const options = { w: w0(), λ: λ0(), how, inner: steps, outer: still, steps: 4, restart: true };
  const run = bilevel(problem, options);
  const losses = (await collect(run)).map(({ innerLoss }) => innerLoss);
  losses.forEach((loss) => {
    expect(loss).toBeCloseTo(losses[0]!, 6);
  });
  run.dispose();
});

it('progress is told after every inner and outer step', async () => {
  const told: [number, string | undefined][] = [];
  const progress = { update: (done: number, note?: string) => void told.push([done, note]) };
  const few = { optimizer: tf.train.sgd(0.4), steps: 3 };
  const options = { w: w0(), λ: λ0(), how, inner: few, outer: outer(), steps: 2, progress };
  const run = bilevel(problem, options);
  await collect(run);
  expect(told.map(([done]) => done)).toEqual([0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2]);
  expect(told[0]![1]).toBe('inner step 1 of 3');
  expect(told[3]![1]).toMatch(/^outer loss \d/);
  run.dispose();
});

it('a step that progress ends is done again, wherever in it that is', async () => {
  const few = { optimizer: gradientDescent(0.4), steps: 2 };
  const options = () => ({ w: w0(), λ: λ0(), how, inner: few, outer: outer(), steps: 3 });
  const expected = await collect(bilevel(problem, options()));
  for (const at of [1, 2, 3, 4]) {
    let calls = 0;
    const update = () => {
      if (++calls === at) throw new RangeError('enough');
    };
    const run = bilevel(problem, { ...options(), progress: { update } });
    await expect(collect(run)).rejects.toThrow('enough');
    const rest = await collect(run);
    const taken = expected.slice(3 - rest.length);
    expect(rest.length).toBe(at < 4 ? 3 : 2);
    rest.forEach(({ step, outerLoss }, i) => {
      expect(step).toBe(taken[i]!.step);
      expect(outerLoss).toBeCloseTo(taken[i]!.outerLoss, 5);
    });
    run.dispose();
  }
});

describe('memory', () => {
  /** The most bytes that are in use while an inner loss is evaluated, above those at first. */
  async function peak(steps: number, walk: boolean): Promise<number> {
    let most = 0;
    const watched: LossProblem = {
      ...problem,
      inner(w, λ, t) {
        const loss = problem.inner(w, λ, t);
        most = Math.max(most, tf.memory().numBytes);
        return loss;
      },
    };
    const { numBytes } = tf.memory();
    const optimizer = tf.train.sgd(0.01);
    const ways = walk
      ? { how: unrolled({ method: gradientDescent(0.01), steps }) }
      : { how: implicit(), inner: { optimizer, steps } };
    const run = bilevel(watched, { w: w0(), λ: λ0(), outer: outer(), ...ways, steps: 2 });
    await collect(run);
    run.dispose();
    return most - numBytes;
  }

  it('implicit: as many bytes at 10 and at 200 inner steps', async () => {
    await peak(10, false);
    const few = await peak(10, false);
    expect(few).toBeGreaterThan(0);
    expect(await peak(200, false)).toBe(few);
    // The measure would see it: unrolling keeps every step.
    expect(await peak(100, true)).toBeGreaterThan(5 * (await peak(10, true)));
  });
});

describe('batches', () => {
  it('of their own for each factor take the bias away', async () => {
    // H of a batch b is 1 + b with b = ± .6, so H = 1: terms of the series are known by hand.
    const noisy = {
      inner: (w: NamedTensors, { x: λ }: NamedTensors, b: number) =>
        tf.sub(tf.mul((1 + b) / 2, tf.square(w.x!)), tf.mul(w.x!, λ!)) as tf.Scalar,
      outer: (w: NamedTensors) => w.x as tf.Scalar,
    };
    const [terms, scale] = [4, 0.8];
    const how = implicit({ solver: neumann({ terms, scale }), estimate: false });
    const at = { w: { x: tf.scalar(1) }, λ: { x: tf.scalar(1) } };
    const value = async (batch: { inner: number; outer: number; factors?(j: number): number }) => {
      const { value, adjoint } = await hypergradient(noisy, at.w, at.λ, how, { batch });
      const [number] = numbers(value);
      tf.dispose([value.x!, adjoint.x!]);
      return number!;
    };
    const sum = (h: number) => (1 - (1 - scale * h) ** terms) / h;
    const one = [await value({ inner: 0.6, outer: 0 }), await value({ inner: -0.6, outer: 0 })];
    expect(one[0]).toBeCloseTo(sum(1.6), 5);
    expect(one[1]).toBeCloseTo(sum(0.4), 5);
    const truth = sum(1);
    expect(Math.abs((one[0]! + one[1]!) / 2 - truth)).toBeGreaterThan(0.1);

    // Three products: all eight ways to draw their batches, equally likely.
    let mean = 0;
    for (let draw = 0; draw < 8; draw++) {
      const factors = (j: number) => ((draw >> (j - 1)) & 1 ? 0.6 : -0.6);
      mean += (await value({ inner: 0, outer: 0, factors })) / 8;
    }
    expect(mean).toBeCloseTo(truth, 5);
  });

  it('for factors are asked for by outer step and product, and need a plain series', async () => {
    const asked: number[][] = [];
    const scaled = {
      inner: (w: NamedTensors, λ: NamedTensors, s: number) =>
        tf.mul(s, problem.inner(w, λ, 1)) as tf.Scalar,
      outer: (w: NamedTensors, λ: NamedTensors) => problem.outer(w, λ),
    };
    const batches = {
      inner: () => 1,
      outer: () => 1,
      factors: (k: number, j: number) => {
        asked.push([k, j]);
        return 1;
      },
    };
    const few = { optimizer: tf.train.sgd(0.4), steps: 2 };
    const common = { w: w0(), λ: λ0(), inner: few, steps: 2, batches };
    const series = implicit({ solver: neumann({ terms: 3, scale: 0.4 }) });
    const run = bilevel(scaled, { ...common, outer: outer(), how: series });
    const plain = { ...common, batches: { inner: batches.inner, outer: batches.outer } };
    const usual = bilevel(scaled, { ...plain, outer: outer(), how: series });
    const [own, shared] = [await collect(run), await collect(usual)];
    // From zero the first term needs no product; a warm start does.
    expect(asked.map(String)).toEqual(['1,1', '1,2', '2,1', '2,2', '2,3']);
    own.forEach(({ hypergradientNorm, error }, i) => {
      expect(hypergradientNorm).toBeCloseTo(shared[i]!.hypergradientNorm, 5);
      expect(error! / shared[i]!.error!).toBeCloseTo(1, 2);
    });
    const auto = implicit({ solver: neumann({ terms: 3 }) });
    const wrong = bilevel(scaled, { ...common, outer: outer(), how: auto });
    await expect(collect(wrong)).rejects.toThrow(/batches for the factors/);
    for (const one of [run, usual, wrong]) one.dispose();
  });

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

  it.each([
    [
      'the outer loss',
      (n: number) => ({
        outer: (w: NamedTensors, λ: NamedTensors) => tf.mul(n, problem.outer(w, λ)) as tf.Scalar,
      }),
    ],
    [
      'an outer slope',
      (n: number) => ({
        outer: (w: NamedTensors, λ: NamedTensors) =>
          tf.add(problem.outer(w, λ), tf.sum(tf.sqrt(tf.mul(n === 1 ? 1 : 0, w.x!)))) as tf.Scalar,
      }),
    ],
  ])('a NaN in %s leaves everything as it was', async (_, spoil) => {
    let spoilt = false;
    const fragile: LossProblem = {
      inner: problem.inner,
      outer: (w, λ) => (spoilt ? spoil(Number.NaN).outer(w, λ) : problem.outer(w, λ)),
    };
    const options = { w: w0(), λ: λ0(), how, outer: outer() };
    const run = bilevel(fragile, {
      ...options,
      inner: { optimizer: tf.train.adam(0.05), steps: 4 },
      steps: 3,
    });
    const steps = run[Symbol.asyncIterator]();
    await steps.next();
    const before = JSON.stringify(await run.save());
    spoilt = true;
    const { numTensors } = tf.memory();
    await expect(steps.next()).rejects.toThrow(NotFiniteError);
    expect(JSON.stringify(await run.save())).toBe(before);
    expect(tf.memory().numTensors).toBe(numTensors);
    spoilt = false;
    expect((await collect(run)).map(({ step }) => step)).toEqual([2, 3]);
    run.dispose();
  });

  it('an indefinite Hessian is a status, and an idle hyperparameter is named', async () => {
    const saddle: LossProblem = {
      inner: (w, λ) =>
        tf.sub(problem.inner(w, { x: λ.x! }, 1), tf.mul(5, tf.sum(tf.square(w.x!)))) as tf.Scalar,
      outer: problem.outer,
    };
    const λ = { ...λ0(), idle: tf.scalar(1) };
    const few = { optimizer: tf.train.sgd(0.01), steps: 2 };
    const run = bilevel(saddle, {
      w: { x: tf.ones([5]) },
      λ,
      how: implicit(),
      inner: few,
      outer: outer(),
      steps: 2,
    });
    for (const step of await collect(run)) {
      expect(step.status).toBe('negative-curvature');
      expect(step.error).toBe(Number.POSITIVE_INFINITY);
      expect(step.zero).toContain('idle');
    }
    expect(numbers(run.λ).every(Number.isFinite)).toBe(true);
    expect(numbers({ idle: run.λ.idle! })).toEqual([1]);
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
    expect(() => stepControl({ shrink: 1 })).toThrow(InputError);
    const sgd = tf.train.sgd(0.1);
    const twice = { ...base, how, inner: { optimizer: sgd, steps: 1 }, outer: { optimizer: sgd } };
    expect(() => bilevel(problem, twice)).toThrow(/one optimizer for weights/);
  });

  it('names optimizers that do not fit', async () => {
    const λ = Float64Array.of(-3);
    const w = new Float64Array(5);
    const plain = { optimizer: gradientDescent(0.1), steps: 1 };
    expect(() => bilevel(known, { w, λ, how, inner: plain, outer: outer() })).toThrow(/in float64/);
    const rule = { optimizer: gradientDescent(), steps: 1 };
    expect(() => bilevel(known, { w, λ, how, inner: rule, outer: plain })).toThrow(/spectrum/);
    const control = { optimizer: stepControl() as never, steps: 1 };
    const inside = bilevel(known, { w, λ, how, inner: control, outer: plain });
    await expect(collect(inside)).rejects.toThrow(/stepControl\(\) for the weights/);
    const ahead = { optimizer: nesterov({ step: 0.1, momentum: 0.9 }) };
    const elsewhere = bilevel(known, { w, λ, how, inner: plain, outer: ahead });
    await expect(collect(elsewhere)).rejects.toThrow(/looks at other points/);
    expect([...elsewhere.λ]).toEqual([-3]);
    const adamax = { optimizer: tf.train.adamax(0.1) };
    const silent = bilevel(problem, {
      w: w0(),
      λ: λ0(),
      how,
      inner: inner(),
      outer: adamax,
      steps: 1,
    });
    await collect(silent);
    await expect(silent.save()).rejects.toThrow(UnsupportedError);
    silent.dispose();
  });

  it('refuses a checkpoint of another problem', async () => {
    const run = bilevel(problem, { w: w0(), λ: λ0(), how, inner: inner(), outer: outer() });
    const checkpoint = await run.save();
    const other = mapTensors(w0(), () => tf.zeros([4]));
    const options = { w: other, λ: λ0(), how, inner: inner(), outer: outer(), checkpoint };
    expect(() => bilevel(problem, options)).toThrow(/the saved w/);
    const sgd = { optimizer: tf.train.sgd(0.1) };
    const resumed = bilevel(problem, {
      w: w0(),
      λ: λ0(),
      how,
      inner: inner(),
      outer: sgd,
      checkpoint,
    });
    await expect(collect(resumed)).rejects.toThrow(/the memory of an optimizer Adam for SGD/);
    const double = { w: new Float64Array(5), λ: Float64Array.of(1) };
    const methods = { inner: { optimizer: adam(0.1), steps: 1 }, outer: { optimizer: adam(0.1) } };
    expect(() => bilevel(known, { ...double, ...methods, how, checkpoint })).toThrow(
      /another arithmetic/,
    );
    for (const one of [run, resumed]) one.dispose();
  });
});

it('the best penalty is where the closed form says', () => {
  const at = Float64Array.of(best());
  expect(Math.hypot(...known.hypergradient(at))).toBeLessThan(1e-7);
  expect(best()).toBeGreaterThan(-5);
});
