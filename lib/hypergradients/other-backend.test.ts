import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { leaveOutOfQuickRun } from '../../test/needs';
import { compiled, compiledMap, hessian } from '../autodiff';
import { normal } from '../autodiff/testing';
import { useBackend } from '../backends';
import { implicitSGD } from '../descent';
import { gradientDescent } from '../methods';
import type { LossProblem } from '../problems';
import { cg } from '../solvers';
import type { NamedTensors } from '../spaces';
import { slowClock } from '../testing';
import { unrolled } from '../unrolling';
import { argminAsync, hypergradient, implicit } from '.';

leaveOutOfQuickRun();

beforeAll(() => useBackend('wasm', { threads: 1 }));

it('compiled losses find what they capture again after another backend has had it', async () => {
  const X = normal([30, 7], 1) as tf.Tensor2D;
  const misfit = ({ u }: NamedTensors) => tf.mean(tf.softplus(tf.matMul(X, u as tf.Tensor2D)));
  const problem = {
    inner: compiled(
      (w, { λ }) => tf.add(misfit(w), tf.sum(tf.mul(λ!, tf.square(w.u!)))) as tf.Scalar,
    ),
    outer: compiled((w) => misfit(w) as tf.Scalar),
  };
  const [w, λ] = [{ u: normal([7, 1], 2) }, { λ: tf.fill([7, 1], 0.6) }];
  const how = implicit({ solver: cg({ tolerance: 1e-5 }), estimate: false });
  const once = async () => [...(await hypergradient(problem, w, λ, how)).value.λ!.dataSync()];
  const wanted = (await once()).map((value) => expect.closeTo(value, 4));
  expect(await once()).toEqual(wanted);
  for (let i = 0; i < 2; i++) {
    await tf.setBackend('cpu');
    expect(await once()).toEqual(wanted);
    await tf.setBackend('wasm');
    // In the places that were given up.
    const others = Array.from({ length: 20 }, () => tf.fill([30, 7], Number.NaN));
    expect(await once()).toEqual(wanted);
    tf.dispose(others);
  }
});

/** Has cpu compute with tensors, whose place on wasm others take; then wasm is in use again. */
async function takeAway(captured: readonly tf.Tensor[]): Promise<void> {
  await tf.setBackend('cpu');
  for (const x of captured) tf.tidy(() => tf.sum(x).dataSync());
  await tf.setBackend('wasm');
  tf.tidy(() => {
    for (let i = 0; i < 3; i++) for (const { shape } of captured) tf.fill(shape, Number.NaN);
  });
}

/** Does it again and again, while some work is waited for; how often. */
async function whileTaking<T>(captured: readonly tf.Tensor[], work: () => Promise<T>) {
  let going = true;
  let times = 0;
  const others = (async () => {
    while (going) {
      await new Promise((resolve) => setImmediate(resolve));
      await takeAway(captured);
      times++;
    }
  })();
  try {
    const result = await work();
    return { result, times };
  } finally {
    going = false;
    await others;
  }
}

afterEach(() => {
  vi.restoreAllMocks();
});

const numbersOf = (xs: NamedTensors | readonly tf.Tensor[]) =>
  Object.values(xs).flatMap((value: tf.Tensor) => [...value.dataSync()]);

describe('another backend has what is captured while the work is under way', () => {
  const SIDE = 200;
  const X = () => normal([SIDE, SIDE], 1) as tf.Tensor2D;
  /** Products of 200 rows, several of which take long by the estimate. */
  const lossOn = (X: tf.Tensor2D, w: tf.Tensor) => {
    let y: tf.Tensor = tf.matMul(X, w as tf.Tensor2D);
    for (let i = 0; i < 40; i++) y = tf.tanh(tf.div(tf.matMul(X, y as tf.Tensor2D), 10));
    return tf.mean(tf.square(y)) as tf.Scalar;
  };
  const small = (X: tf.Tensor2D, w: tf.Tensor) =>
    tf.mean(tf.square(tf.tanh(tf.matMul(X, w as tf.Tensor2D)))) as tf.Scalar;

  interface Work {
    work(): Promise<number[]>;
    also: tf.Tensor[];
  }
  type Derivative = (
    problem: LossProblem,
    w: NamedTensors,
    λ: NamedTensors,
  ) => Promise<{ value: NamedTensors }>;

  const solver = cg({ tolerance: 1e-12, maxIterations: 3 });
  const derivatives: Record<string, Derivative> = {
    implicit: (...at) => hypergradient(...at, implicit({ solver, estimate: false })),
    unrolled: (...at) => hypergradient(...at, unrolled({ method: gradientDescent(0.1), steps: 3 })),
  };
  const derivativeOf =
    (how: Derivative, loss: typeof lossOn, pure: boolean) =>
    (X: tf.Tensor2D): Work => {
      const [w, λ] = [{ w: normal([SIDE, SIDE], 2) }, { λ: tf.scalar(0.5) }];
      const inner = (w: NamedTensors, { λ }: NamedTensors) =>
        tf.add(loss(X, w.w!), tf.mul(λ!, tf.mean(tf.square(w.w!)))) as tf.Scalar;
      const outer = (w: NamedTensors) => small(X, w.w!);
      const problem = pure ? { inner: compiled(inner), outer: compiled(outer) } : { inner, outer };
      return {
        work: async () => numbersOf((await how(problem, w, λ)).value),
        also: [X, w.w, λ.λ],
      };
    };
  const works = Object.entries(derivatives).flatMap(([name, how]) =>
    [lossOn, small].flatMap((loss) =>
      [true, false].map((pure): [string, (X: tf.Tensor2D) => Work] => [
        `a hypergradient, ${name}, ${loss.name}, declared pure: ${pure}`,
        derivativeOf(how, loss, pure),
      ]),
    ),
  );

  const others: typeof works = [
    [
      'a solve with a Hessian',
      (X) => {
        const [w, b] = [{ w: normal([SIDE, SIDE], 2) }, { w: normal([SIDE, SIDE], 3) }];
        const loss = compiled(({ w }: NamedTensors) => lossOn(X, w!));
        const solver = cg({ damping: 1, tolerance: 1e-12, maxIterations: 3 });
        return {
          async work() {
            const H = hessian(loss, w);
            const { value } = await solver.solve(H, b);
            H.dispose();
            return numbersOf(value);
          },
          also: [X, w.w, b.w],
        };
      },
    ],
    ...[lossOn, small].map((loss): (typeof works)[number] => [
      `a step of implicitSGD, ${loss.name}`,
      (X) => {
        const start = normal([SIDE, SIDE], 2);
        const w = tf.variable(start);
        const optimizer = implicitSGD(0.1, { solver: cg({ maxIterations: 3 }) });
        return {
          async work() {
            w.assign(start);
            await optimizer.step(() => loss(X, w), [w]);
            return [...w.dataSync()];
          },
          also: [X, w, start],
        };
      },
    ]),
    [
      'a solution by a compiled map',
      (X) => {
        const solve = compiledMap((θ: tf.Tensor) => {
          let y = θ;
          for (let i = 0; i < 40; i++) y = tf.tanh(tf.div(tf.matMul(X, y as tf.Tensor2D), 10));
          return y;
        });
        const θ = normal([SIDE, SIDE], 2);
        const F = (x: tf.Tensor, θ: tf.Tensor) =>
          tf.sub(tf.mul(2, x), tf.tanh(tf.matMul(X, θ as tf.Tensor2D)));
        return {
          async work() {
            const solution = await argminAsync<tf.Tensor>(solve as never, F as never)(θ);
            const derivatives = await solution.pullBack(solution.value);
            return numbersOf([solution.value, ...derivatives]);
          },
          also: [X, θ],
        };
      },
    ],
  ];

  it.each([...works, ...others])('%s', async (name, make) => {
    const { work, also } = make(X());
    for (let i = 0; i < 2; i++) await work();
    const expected = await work();
    slowClock();
    const { result, times } = await whileTaking(also, work);
    // Small ones run in one go, or nearly so.
    if (!name.includes('small')) expect(times).toBeGreaterThan(3);
    expect(expected.every(Number.isFinite)).toBe(true);
    expect(result.length).toBe(expected.length);
    expect(result.findIndex((number, i) => number !== expected[i])).toBe(-1);
    tf.dispose(also);
  });
});
