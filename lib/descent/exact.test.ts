import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Curvature, freePrograms, gaussNewton, hessian, recordGradient } from '../autodiff';
import { useBackend } from '../backends';
import { DisposedError, InputError, NotFiniteError } from '../errors';
import { random } from '../numbers';
import { cg, dense } from '../solvers';
import type { NamedTensors } from '../spaces';
import { slowClock, turnsDuring } from '../testing';
import { type ImplicitSGD, type ImplicitSgdOptions, implicitSGD, proximalStep } from '.';
import { families } from './glm/family';
import { implicitRoot } from './glm/implicit-root';

beforeAll(async () => {
  await useBackend('wasm', { threads: 1 });
});
afterEach(() => {
  vi.restoreAllMocks();
  tf.disposeVariables();
});

const numbers = (x: tf.Tensor) => [...x.dataSync()];
const dot = (a: readonly number[], b: readonly number[]) =>
  a.reduce((sum, value, i) => sum + value * b[i]!, 0);

/** −log of a logistic model's probability of y = 0 for one sample x: a step goes along x. */
const sample = (theta: tf.Variable, x: readonly number[]) => () =>
  tf.tidy(() => tf.softplus(tf.sum(tf.mul(tf.tensor1d([...x]), theta))) as tf.Scalar);

/** How far the exact step goes along x, in float64. */
const root = (theta: readonly number[], x: readonly number[], rate: number) =>
  implicitRoot(families.logistic, 0, dot(theta, x), dot(x, x), rate);

describe('the exact step is the root found in float64', () => {
  it.each([
    [1, -0.301133007218962],
    [10, -0.5799049154906366],
    [1000, -1.149979960044767],
  ])('of one sample, γ = %f', async (gamma, wanted) => {
    const [x, start] = [
      [0.8, -1.5, 2, 0.3],
      [0.2, -0.4, 0.1, 1],
    ];
    expect(root(start, x, gamma)).toBeCloseTo(wanted, 12);
    for (const options of [{}, { solver: cg({ tolerance: 1e-6 }) }, { solver: dense() }]) {
      const theta = tf.variable(tf.tensor1d(start));
      const optimizer = implicitSGD(gamma, { exact: true, ...options });
      const { status } = await optimizer.step(sample(theta, x), [theta]);
      expect(status).toBe('converged');
      const xi = (numbers(theta)[0]! - 0.2) / 0.8;
      expect(Math.abs(xi / wanted - 1)).toBeLessThan(1e-5);
    }
  });

  it('of random samples, at rates and in units of any size', async () => {
    for (let seed = 0; seed < 25; seed++) {
      const draw = random(seed);
      const unit = 10 ** Math.round(16 * draw.uniform() - 8);
      const x = [...draw.normals(3)].map((value) => value / unit);
      const start = [...Float32Array.from(draw.normals(3), (value) => value * unit)];
      const gamma = 10 ** (6 * draw.uniform() - 2) * unit ** 2;
      const theta = tf.variable(tf.tensor1d(start));
      const optimizer = implicitSGD(gamma, { exact: true });
      const { status } = await optimizer.step(sample(theta, x), [theta]);
      const wanted = start.map((value, i) => value + root(start, x, gamma) * x[i]!);
      const [far, off] = numbers(theta).reduce(
        ([far, off], value, i) => [
          Math.hypot(far!, wanted[i]!),
          Math.hypot(off!, value - wanted[i]!),
        ],
        [0, 0],
      );
      expect(off! / far!, `seed ${seed}, unit ${unit}, γ ${gamma}`).toBeLessThan(2e-5);
      expect(status).toBe('converged');
    }
  });

  it('of a loss in any unit, where its rate is in the unit that goes with it', async () => {
    const ends = [1e-25, 1e-6, 1, 1e6, 1e25].map(async (unit) => {
      const x = tf.variable(tf.tensor1d([2, -3]));
      const loss = () => tf.tidy(() => tf.mul(unit, tf.sum(tf.pow(x, 4))) as tf.Scalar);
      const { status } = await implicitSGD(0.5 / unit, { exact: true }).step(loss, [x]);
      expect(status).toBe('converged');
      return numbers(x);
    });
    for (const end of await Promise.all(ends)) {
      // x⁺ + 2 (x⁺)³ = x.
      [2, -3].forEach((start, i) => {
        expect(Math.abs(end[i]! + 2 * end[i]! ** 3 - start)).toBeLessThan(1e-4);
      });
    }
  });
});

describe('its status', () => {
  const quartic = (options: ImplicitSgdOptions = {}, delta = 10) => {
    const x = tf.variable(tf.tensor1d([2, -3]));
    const loss = () => tf.tidy(() => tf.sum(tf.pow(x, 4)) as tf.Scalar);
    const step = implicitSGD(delta, { exact: true, solver: dense(), ...options }).step(loss, [x]);
    return { x, step };
  };

  it('is max-iterations where the work is limited', async () => {
    const { step } = quartic({ exact: { maxIterations: 2 } });
    const { status, iterations } = await step;
    expect(status).toBe('max-iterations');
    expect(iterations).toBe(2);
  });

  it.each([1e-1, 1e-3, 1e-5])('is converged to a tolerance of %f', async (tolerance) => {
    const { x, step } = quartic({ exact: { tolerance } });
    const { status, residualNorm } = await step;
    expect(status).toBe('converged');
    const pull = numbers(x).map((value) => 40 * value ** 3);
    const left = numbers(x).map((value, i) => value - [2, -3][i]! + pull[i]!);
    expect(Math.hypot(...left)).toBeLessThan(tolerance * Math.hypot(...pull) * 1.01 + 1e-5);
    expect(residualNorm).toBeCloseTo(Math.hypot(...left), 4);
  });

  it.each([
    { exact: { tolerance: 0 } },
    { exact: { tolerance: Number.NaN } },
    { exact: { tolerance: 2 } },
    { exact: { maxIterations: 0 } },
    { exact: { iterations: 3 } },
    { exact: 1e-3 },
    { exact: 'yes' },
  ])('is not asked for by %j', (options) => {
    expect(() => implicitSGD(1, options as ImplicitSgdOptions)).toThrow(InputError);
  });
});

const take = async (optimizer: tf.Optimizer, loss: () => tf.Scalar, x: tf.Variable) =>
  'step' in optimizer
    ? await (optimizer as ImplicitSGD).step(loss, [x])
    : optimizer.minimize(loss, false, [x]);

describe('while it waits', () => {
  const setting = () => {
    const x = tf.variable(tf.tensor1d([2, -3]));
    const loss = () => tf.tidy(() => tf.sum(tf.pow(x, 4)) as tf.Scalar);
    return { x, loss };
  };

  it('the variables are as they were', async () => {
    const { x, loss } = setting();
    const seen = new Set<string>();
    const step = implicitSGD(1, { exact: true }).step(loss, [x]);
    let done = false;
    const watch = (async () => {
      while (!done) {
        seen.add(`${numbers(x)}`);
        await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    await step;
    done = true;
    await watch;
    expect([...seen].filter((values) => values !== `${numbers(x)}`)).toEqual(['2,-3']);
  });

  it('they are so between the portions of several losses and their gradients, and the step is the same', async () => {
    let calls = 0;
    const losses = (x: tf.Variable) =>
      [1, 2, 3].map((k) => () => {
        calls++;
        return tf.tidy(() => tf.sum(tf.pow(tf.sub(x, k), 4)) as tf.Scalar);
      });
    const alone = setting();
    await implicitSGD(0.1, { exact: true }).step(losses(alone.x), [alone.x]);
    const { x } = setting();
    slowClock();
    const seen = new Set<string>();
    const after = new Set<number>();
    calls = 0;
    const step = implicitSGD(0.1, { exact: true }).step(losses(x), [x]);
    let done = false;
    const watch = (async () => {
      while (!done) {
        seen.add(`${numbers(x)}`);
        after.add(calls);
        await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    await step;
    done = true;
    await watch;
    expect(numbers(x)).toEqual(numbers(alone.x));
    expect([...seen].filter((values) => values !== `${numbers(x)}`)).toEqual(['2,-3']);
    // A turn after every evaluation of one of them.
    expect(calls).toBeGreaterThan(12);
    expect([...Array(calls).keys()].filter((i) => !after.has(i + 1))).toEqual([]);
  });

  it('no other optimizer loses a step to it, nor it to another', async () => {
    for (const other of [implicitSGD(0.1), implicitSGD(0.1, { exact: true }), tf.train.sgd(0.01)]) {
      const { x, loss } = setting();
      const optimizer = implicitSGD(1, { exact: true });
      let calls = 0;
      let second: Promise<unknown> = Promise.resolve();
      const first = optimizer.step(() => {
        calls += 1;
        // Not before this evaluation is over.
        if (calls === 2) {
          second = Promise.resolve().then(() => take(other, loss, x));
          second.catch(() => {});
        }
        return loss();
      }, [x]);
      first.catch(() => {});
      while (calls < 2) await new Promise((resolve) => setImmediate(resolve));
      const ends = await Promise.allSettled([first, second]);
      const taken = ends.filter(({ status }) => status === 'fulfilled');
      expect(taken.length).toBe(1);
      const failed = ends.find(({ status }) => status === 'rejected') as PromiseRejectedResult;
      expect(failed.reason).toBeInstanceOf(InputError);
      expect(`${failed.reason}`).toMatch(/assigned to while an exact step was under way/);

      const alone = setting();
      await take(taken[0] === ends[0] ? optimizer : other, alone.loss, alone.x);
      expect(numbers(x)).toEqual(numbers(alone.x));
      // Refused once, it can be asked for again.
      await optimizer.step(loss, [x]);
    }
  });

  it('a failure of the loss leaves all as it was, and the step can be repeated', async () => {
    const { x, loss } = setting();
    const undisturbed = setting();
    await implicitSGD(1, { exact: true }).step(undisturbed.loss, [undisturbed.x]);
    const optimizer = implicitSGD(1, { exact: true });
    for (let at = 1; at < 6; at++) {
      let calls = 0;
      const { numTensors } = tf.memory();
      const lost = () => {
        calls += 1;
        if (calls === at) throw new Error('lost');
        return loss();
      };
      await expect(optimizer.step(lost, [x])).rejects.toThrow('lost');
      expect(numbers(x)).toEqual([2, -3]);
      expect(optimizer.iterations).toBe(0);
      expect(tf.memory().numTensors).toBe(numTensors);
    }
    await optimizer.step(loss, [x]);
    expect(numbers(x)).toEqual(numbers(undisturbed.x));
  });
});

describe('proximalStep with a curvature that a user records', () => {
  const x = () => ({ a: tf.tensor1d([2, -3, 1]), b: tf.tensor1d([1, 2, 4]) });
  const loss = (y: NamedTensors) =>
    tf.tidy(() => tf.add(tf.sum(tf.pow(y.a!, 4)), tf.sum(tf.exp(tf.mul(y.a!, y.b!)))) as tf.Scalar);
  const kinds: [string, (y: NamedTensors) => Curvature][] = [
    ['hessian', (y) => hessian(loss, y)],
    ['recordGradient', (y) => recordGradient(() => loss(y), y)],
    [
      'gaussNewton',
      (y) =>
        gaussNewton({ predict: ({ a, b }) => tf.mul(a!, b!), loss: (z) => tf.sum(tf.exp(z)) }, y),
    ],
  ];
  const solver = cg({ tolerance: 1e-6 });

  it.each(kinds)('leaves %s within its gradient, with the same result', async (_, curvatureAt) => {
    const at = x();
    const take = (curvatureAt: (y: NamedTensors) => Curvature) =>
      turnsDuring(() => proximalStep({ loss, curvatureAt }, at, 0.1, { solver, maxIterations: 5 }));
    const known = await take(curvatureAt);
    const before = tf.memory().numTensors;
    // As programs come with the second evaluation, and run from the third on.
    for (let i = 0; i < 2; i++) {
      freePrograms();
      const atOnce = await take((y) => {
        const C = curvatureAt(y);
        expect(numbers(C.value)).toHaveLength(1);
        return C;
      });
      freePrograms();
      const inPieces = await take(curvatureAt);
      expect(inPieces.turns).toBeGreaterThan(atOnce.turns);
      for (const name of ['a', 'b']) {
        expect(numbers(inPieces.result.value[name]!)).toEqual(numbers(atOnce.result.value[name]!));
      }
      tf.dispose([inPieces.result.value, atOnce.result.value]);
    }
    expect(tf.memory().numTensors).toBe(before);
    tf.dispose([at, known.result.value]);
  });

  it('throws what recording throws, and leaves nothing', async () => {
    const at = { y: tf.tensor1d([1, 2]) };
    const before = tf.memory().numTensors;
    const step = (of: (y: NamedTensors) => tf.Scalar, use: (C: Curvature) => void = () => {}) => {
      const curvatureAt = (y: NamedTensors) => {
        const C = hessian(of, y);
        use(C);
        return C;
      };
      return proximalStep({ loss: of, curvatureAt }, at, 0.1, { solver });
    };
    const infinite = ({ y }: NamedTensors) => tf.sum(tf.div(y!, 0)) as tf.Scalar;
    await expect(step(infinite)).rejects.toThrow(NotFiniteError);
    const custom = ({ y }: NamedTensors) =>
      tf.customGrad((y) => ({
        value: tf.sum(y as tf.Tensor),
        gradFunc: () => {
          throw new Error('no gradient');
        },
      }))(y!) as tf.Scalar;
    await expect(step(custom)).rejects.toThrow('no gradient');
    expect(() => hessian(custom, at)).toThrow('no gradient');
    const square = ({ y }: NamedTensors) => tf.sum(tf.square(y!)) as tf.Scalar;
    await expect(step(square, (C) => C.dispose())).rejects.toThrow(DisposedError);
    expect(tf.memory().numTensors).toBe(before);
    tf.dispose(at);
  });
});
