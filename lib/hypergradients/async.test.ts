import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { leaveOutOfQuickRun } from '../../test/needs';
import { implicitAdam, implicitSGD } from '../descent';
import { DisposedError, InputError, UnsupportedError } from '../errors';
import { adam, gradientDescent } from '../methods';
import type { LossProblem } from '../problems';
import { cg } from '../solvers';
import { turnsDuring } from '../testing';
import { unrolled } from '../unrolling';
import { bilevel } from './bilevel';
import type { BilevelRun, BilevelSettings, OuterStep } from './bilevel-options';
import { hypergradient } from './hypergradient';
import { implicit } from './implicit';
import { stepControl } from './movers';
import { numbers } from './testing';

leaveOutOfQuickRun();

beforeAll(async () => {
  await tf.setBackend('cpu');
});
afterEach(() => {
  vi.restoreAllMocks();
});

const problem: LossProblem = {
  inner: ({ w }, { l }) => tf.sum(tf.square(tf.sub(w!, l!))) as tf.Scalar,
  outer: ({ w }) => tf.sum(tf.square(tf.sub(w!, 2))) as tf.Scalar,
};
const start = () => ({ w: { w: tf.zeros([2]) }, λ: { l: tf.tensor1d([0, 1]) } });
const make = (options: Partial<BilevelSettings<never>> = {}, seen = problem) =>
  bilevel(seen, {
    ...start(),
    inner: { optimizer: gradientDescent(0.25), steps: 1 },
    outer: { optimizer: gradientDescent(0.1) },
    how: implicit(),
    steps: 4,
    ...options,
  });
const collect = async (run: BilevelRun) => {
  const seen: OuterStep[] = [];
  for await (const step of run) seen.push(step);
  return seen.map(({ step }) => step);
};
/** Lets the given number of microtasks pass. */
const jobs = async (count: number) => {
  for (let i = 0; i < count; i++) await undefined;
};

describe('a run used from two places at once', () => {
  it('shares its steps between two loops, each taken once', async () => {
    const [alone, shared] = [make(), make()];
    await collect(alone);
    const [one, two] = await Promise.all([collect(shared), collect(shared)]);
    expect([...one, ...two].sort()).toEqual([1, 2, 3, 4]);
    expect(numbers(shared.λ)).toEqual(numbers(alone.λ));
    expect(numbers(shared.w)).toEqual(numbers(alone.w));
  });

  it('is saved between two steps, whenever it is asked to be', async () => {
    const alone = make();
    await collect(alone);
    const expected = numbers(alone.λ);
    const steps = new Set<number>();
    for (let moment = 0; moment < 90; moment += 9) {
      const run = make();
      const first = run[Symbol.asyncIterator]().next();
      await jobs(moment);
      const [checkpoint] = await Promise.all([run.save(), first]);
      steps.add(checkpoint.step);
      await collect(run);
      expect(numbers(run.λ)).toEqual(expected);
      const resumed = make({ checkpoint });
      await collect(resumed);
      expect(numbers(resumed.λ)).toEqual(expected);
      run.dispose();
      resumed.dispose();
    }
    expect(steps).toEqual(new Set([1]));
  });

  it('refuses the step that was silent too long, and does it once', async () => {
    const alone = make();
    await collect(alone);
    let release = () => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    let slow = true;
    let arrive = () => {};
    const arrived = new Promise<void>((resolve) => {
      arrive = resolve;
    });
    const how = implicit();
    const waiting = {
      ...how,
      async differentiate(...args: Parameters<typeof how.differentiate>) {
        const result = await how.differentiate(...args);
        arrive();
        if (slow) await gate;
        return result;
      },
    } as typeof how;
    const run = make({ how: waiting });
    const before = tf.memory().numTensors;
    const first = run[Symbol.asyncIterator]().next();
    await arrived;
    const checkpoint = await run.save();
    expect(checkpoint.step).toBe(0);
    slow = false;
    release();
    await expect(first).rejects.toThrow(InputError);
    await expect(first).rejects.toThrow(/no sign of life/);
    expect(tf.memory().numTensors).toBe(before);
    expect(await collect(run)).toEqual([1, 2, 3, 4]);
    expect(numbers(run.λ)).toEqual(numbers(alone.λ));
  });
});

describe('a run that is disposed', () => {
  it.each(['at once', 'twice'])('says so, %s', async (how) => {
    const run = make();
    run.dispose();
    if (how === 'twice') run.dispose();
    await expect(collect(run)).rejects.toThrow(DisposedError);
    await expect(run.save()).rejects.toThrow(DisposedError);
    expect(() => run.w).toThrow(DisposedError);
    expect(() => run.λ).toThrow(DisposedError);
  });

  it.each([
    ['implicit', () => make({ how: implicit({ solver: cg() }) })],
    ['Adam', () => make({ inner: { optimizer: tf.train.adam(0.1), steps: 3 } })],
    [
      'unrolled',
      () => {
        const { inner: _, ...rest } = { ...start(), inner: undefined };
        const how = unrolled({ method: adam(0.1), steps: 3 });
        return bilevel(problem, { ...rest, how, outer: { optimizer: stepControl() }, steps: 4 });
      },
    ],
  ])('in the middle of a step: the step says so, and nothing is left (%s)', async (_, create) => {
    for (let moment = 1; moment < 80; moment += 7) {
      const { numTensors } = tf.memory();
      const run = create();
      const given = tf.memory().numTensors;
      const first = run[Symbol.asyncIterator]().next();
      await jobs(moment);
      run.dispose();
      const ended = await first.then(
        ({ value }) => value?.step,
        (error) => error,
      );
      // The step may have been done already.
      if (ended !== 1) expect(ended).toBeInstanceOf(DisposedError);
      // The w and λ given, and Adam's moments, which are the optimizer's.
      expect(tf.memory().numTensors).toBeLessThanOrEqual(given);
      expect(tf.memory().numTensors - numTensors).toBeLessThanOrEqual(2 + 4);
      await expect(run.save()).rejects.toThrow(DisposedError);
    }
  });
});

describe('a step that failed once and is repeated', () => {
  const optimizers: [string, () => tf.Optimizer | ReturnType<typeof gradientDescent>][] = [
    ['sgd', () => tf.train.sgd(0.1)],
    ['momentum', () => tf.train.momentum(0.05, 0.8)],
    ['adagrad', () => tf.train.adagrad(0.1)],
    ['adadelta', () => tf.train.adadelta(1, 0.9, 0.01)],
    ['adam', () => tf.train.adam(0.1)],
    ['rmsprop', () => tf.train.rmsprop(0.05)],
    ['gradientDescent', () => gradientDescent(0.1)],
    ['adam of unrolling', () => adam(0.1) as unknown as ReturnType<typeof gradientDescent>],
  ];
  /** A problem whose inner or outer loss fails at its n-th call. */
  const failing = (which: 'inner' | 'outer', call: number) => {
    let calls = 0;
    const loss: LossProblem['outer'] = (w, λ) => {
      if (++calls === call) throw new Error('once');
      return which === 'inner' ? problem.inner(w, λ, 1) : problem.outer(w, λ);
    };
    return { ...problem, [which]: loss };
  };

  it.each(optimizers)('%s: ends where it would have ended', async (_, optimizer) => {
    const options = () => ({
      inner: { optimizer: optimizer(), steps: 3 },
      outer: { optimizer: optimizer() },
    });
    const whole = make(options());
    await collect(whole);
    for (const [which, call] of [
      ['inner', 6],
      ['inner', 8],
      ['outer', 3],
      ['outer', 4],
    ] as const) {
      const run = make(options(), failing(which, call));
      await expect(collect(run)).rejects.toThrow('once');
      await collect(run);
      expect(numbers(run.λ)).toEqual(numbers(whole.λ));
      expect(numbers(run.w)).toEqual(numbers(whole.w));
      run.dispose();
    }
  });

  it.each([
    ['implicitSGD', () => implicitSGD(0.5)],
    ['implicitAdam', () => implicitAdam(0.1)],
    ["implicitSGD('auto')", () => implicitSGD('auto')],
    ["implicitAdam('auto')", () => implicitAdam('auto')],
  ])('%s for the weights: ends where it would have ended', async (_, optimizer) => {
    // From a minimum, where the first steps change nothing.
    const options = () => ({
      λ: { l: tf.zeros([2]) },
      inner: { optimizer: optimizer(), steps: 2 },
    });
    const whole = make(options());
    await collect(whole);
    for (const call of [3, 4, 5, 6, 7, 8, 9, 10]) {
      const run = make(options(), failing('inner', call));
      await expect(collect(run)).rejects.toThrow('once');
      await collect(run);
      expect(numbers(run.λ)).toEqual(numbers(whole.λ));
      expect(numbers(run.w)).toEqual(numbers(whole.w));
      run.dispose();
    }
  });

  it('is refused, and not done wrongly, with an optimizer that does not tell its state', async () => {
    const optimizer = tf.train.adamax(0.1);
    const run = make({ inner: { optimizer, steps: 3 } }, failing('inner', 2));
    await expect(collect(run)).rejects.toThrow();
    await expect(collect(run)).rejects.toThrow(UnsupportedError);
    // Where it had not moved yet, the step can be repeated.
    const early = make(
      { inner: { optimizer: tf.train.adamax(0.1), steps: 3 } },
      failing('inner', 1),
    );
    await expect(collect(early)).rejects.toThrow('once');
    expect(await collect(early)).toEqual([1, 2, 3, 4]);
  });

  it('is refused where a restart could not make the optimizer new', async () => {
    const run = make({ inner: { optimizer: tf.train.adamax(0.1), steps: 3 }, restart: true });
    await expect(collect(run)).rejects.toThrow(UnsupportedError);
  });
});

describe('an optimizer that asks for more than gradients', () => {
  it('moves the weights, by exact steps too', async () => {
    const optimizer = implicitSGD(1, { exact: true });
    const run = make({ inner: { optimizer, steps: 2 }, steps: 1 });
    expect(await collect(run)).toEqual([1]);
    // From 0, two steps x⁺ = (x + 2l)/3 to l = (0, 1).
    expect(numbers(run.w)[1]).toBeCloseTo(8 / 9, 5);
  });

  it('is refused for hyperparameters before anything is done', () => {
    expect(() => make({ outer: { optimizer: implicitSGD(0.1) } })).toThrow(InputError);
  });
});

describe('long work gives way', () => {
  const { w, λ } = start();
  const inner = { optimizer: tf.train.sgd(0.1), steps: 10 };

  it.each<[string, number, () => Promise<unknown>]>([
    ['bilevel', 30, () => collect(make({ inner, steps: 3 }))],
    ['implicit', 3, () => hypergradient(problem, w, λ, implicit())],
    [
      'unrolled in reverse',
      40,
      () => hypergradient(problem, w, λ, unrolled({ method: gradientDescent(0.1), steps: 20 })),
    ],
    [
      'unrolled forwards',
      20,
      () =>
        hypergradient(
          problem,
          w,
          λ,
          unrolled({ method: gradientDescent(0.1), steps: 20, mode: 'forward' }),
        ),
    ],
    [
      'implicit steps',
      10,
      async () => {
        const x = tf.variable(tf.tensor1d([1, 2]));
        const optimizer = implicitSGD(1);
        for (let i = 0; i < 10; i++) await optimizer.step(() => tf.sum(tf.square(x)) as tf.Scalar);
        x.dispose();
      },
    ],
  ])('%s', async (_, least, work) => {
    const { turns } = await turnsDuring(work);
    expect(turns).toBeGreaterThanOrEqual(least);
  });
});
