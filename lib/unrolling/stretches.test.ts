import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { leaveOutWithoutPrograms } from '../../test/needs';
import { compiled, type Flat } from '../autodiff';
import { normal } from '../autodiff/testing';
import { useBackend } from '../backends';
import { adam, gradientDescent, heavyBall, iterationOf, type Method, nesterov } from '../methods';
import { type FlatProblem, flatProblem } from '../problems';
import type { NamedTensors } from '../spaces';
import { reverse } from './reverse-mode';
import { schedule } from './schedule';
import { UnrolledRun } from './unrolled-run';

leaveOutWithoutPrograms();

beforeAll(() => useBackend('wasm', { threads: 1 }));

/** A network of 5 · 3 + 3 numbers, which is not a multiple of four, with two hyperparameters and a third. */
function setting(scale = 1): FlatProblem {
  const X = normal([7, 5], 1) as tf.Tensor2D;
  const loss = compiled(({ W, b }: NamedTensors, { λ, μ }: NamedTensors) => {
    const z = tf.tanh(tf.add(tf.matMul(X, W as tf.Tensor2D), b!));
    const penalty = tf.mul(tf.sum(tf.exp(λ!)), tf.sum(tf.square(W!)));
    const fit = tf.mean(tf.softplus(tf.mul(μ!, z)));
    return tf.mul(scale, tf.add(fit, penalty)) as tf.Scalar;
  });
  const w = { W: normal([5, 3], 2), b: normal([3], 3) };
  const λ = { λ: normal([2], 4, 0.1), μ: tf.scalar(1.5) };
  return flatProblem({ inner: loss, outer: loss }, w, λ, 'pull')!;
}

const rates = Array.from({ length: 9 }, (_, t) => 0.3 / (1 + t));
const methods: [string, Method][] = [
  ['gradient descent', gradientDescent(0.3)],
  ['a rate for each step', gradientDescent(rates)],
  ['momentum', heavyBall({ step: 0.2, momentum: 0.7 })],
  ['nesterov', nesterov({ step: 0.2, momentum: 0.5 })],
  ['adam', adam(0.05)],
  ['one of your own', wrapped(gradientDescent(0.3))],
];

/** A method as a user writes one, which is looked at. */
function wrapped(method: Method): Method {
  const own: Method = { name: 'own', on: (...given) => ({ ...method.on(...given) }) };
  return { name: 'own', on: (...given) => iterationOf(own, ...given) };
}

type Way = 'at once' | 'one by one';

async function derivative(problem: FlatProblem, method: Method, way: Way, checkpoint?: 'sqrt') {
  const { space, w, descend, recordMany, ...rest } = problem;
  let many = 0;
  const run = new UnrolledRun<Flat>(
    method.on(),
    {
      ...rest,
      space,
      ...(way === 'at once' && {
        recordMany(...given: Parameters<typeof recordMany>) {
          const found = recordMany(...given);
          many += found?.count ?? 0;
          return found;
        },
      }),
    },
    w,
  );
  try {
    const { value, w: last, adjoint } = await reverse(run, schedule(0, 9, checkpoint));
    const vectors = [value, last, adjoint!];
    const numbers = vectors.map((x) => [...space.numbers(x)]);
    space.free(vectors);
    return { numbers, stats: run.stats, many };
  } finally {
    run.dispose();
  }
}

describe('steps that are recorded and walked back in one call', () => {
  it.each(methods)('are to the last bit those that go one by one: %s', async (name, method) => {
    for (const checkpoint of [undefined, 'sqrt'] as const) {
      const problem = setting();
      const held = problem.space.bytes;
      const found = await derivative(problem, method, 'at once', checkpoint);
      const wanted = await derivative(problem, method, 'one by one', checkpoint);
      expect(found.numbers).toEqual(wanted.numbers);
      expect(found.numbers.flat().every(Number.isFinite)).toBe(true);
      expect(found.stats).toMatchObject({
        gradients: wanted.stats.gradients,
        products: wanted.stats.products,
        peakRecorded: wanted.stats.peakRecorded,
      });
      // Adam's first step has no averages yet.
      expect(found.many).toBe(name === 'adam' ? 8 : 9);
      expect(problem.space.bytes).toBe(held);
      problem.dispose();
    }
  });

  it('agree with a difference', async () => {
    const at = async (μ: number) => {
      const problem = setting();
      problem.space.numbers(problem.λ)[2] = μ;
      const { numbers } = await derivative(problem, gradientDescent(0.3), 'at once');
      problem.space.numbers(problem.w).set(numbers[1]!);
      const loss = problem.outerLoss!(problem.w);
      problem.dispose();
      return { loss, slope: numbers[0]![2]! };
    };
    const h = 1e-2;
    const { slope } = await at(1.5);
    const difference = ((await at(1.5 + h)).loss - (await at(1.5 - h)).loss) / (2 * h);
    expect(slope / difference).toBeCloseTo(1, 2);
  });

  it('throw for a loss that becomes infinite, as one by one, and leave nothing', async () => {
    for (const way of ['at once', 'one by one'] as const) {
      const problem = setting(1e30);
      const held = problem.space.bytes;
      const steep = derivative(problem, gradientDescent(1e3), way);
      await expect(steep).rejects.toThrow(/a loss of/);
      expect(problem.space.bytes).toBe(held);
      problem.dispose();
    }
  });

  it('end before a loss that is not finite', () => {
    const problem = setting(1e30);
    const { space } = problem;
    const held = space.bytes;
    const steep = gradientDescent(1e3).on();
    const steps = problem.recordMany(steep, { x: problem.w }, { from: 0, count: 9 })!;
    expect(steps.count).toBe(1);
    const after = problem.recordMany(steep, steps.next, { from: 1, count: 8 });
    expect(after).toBeUndefined();
    steps.dispose();
    space.free(steps.next);
    expect(space.bytes).toBe(held);
    problem.dispose();
  });
});
