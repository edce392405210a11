import * as tf from '@tensorflow/tfjs';
import { beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { leaveOutOfQuickRun } from '../../test/needs';
import { SolveError } from '../errors';
import { argmin, argminAsync, attach, kkt } from '../hypergradients';
import { random } from '../numbers';
import { cgNormal, dense, gmres, type LinearSolver, minres } from '../solvers';
import { type NamedTensors, tensors } from '../spaces';

leaveOutOfQuickRun();

const warn = vi.spyOn(console, 'warn');

beforeAll(async () => {
  await tf.setBackend('cpu');
  // TensorFlow.js' own greeting is a warning.
  tf.scalar(0).dispose();
});
beforeEach(() => {
  warn.mockReset().mockImplementation(() => {});
});

/** The units of the objective, the unknowns, the equality, the inequalities and the outer loss. */
interface Units {
  s: number;
  u: number;
  c: number;
  e: number;
  g: number;
}

const solution = { x: [-0.6, 0.4, 1.2], equality: 1.6, inequality: 1.2 };

/** Minimise `s ‖x/u − θ‖² / 2` where `c (Σ x/u − 1) = 0` and, of `bounds`, `e (x/u − 1.2) ≤ 0`. */
function programOf({ s, u, c, e }: Units, bounds: boolean) {
  const z = (x: tf.Tensor) => tf.div(x, u);
  const optimality = kkt({
    objective: (x, θ) => tf.mul(s / 2, tf.sum(tf.square(tf.sub(z(x), θ!)))) as tf.Scalar,
    equality: (x) => tf.reshape(tf.mul(c, tf.sub(tf.sum(z(x)), 1)), [1]),
    ...(bounds && { inequality: (x: tf.Tensor) => tf.mul(e, tf.sub(z(x), 1.2)) }),
  });
  const solve = (): NamedTensors => ({
    x: tf.tensor1d((bounds ? solution.x : [-1, 0, 2]).map((value) => value * u)),
    equality: tf.tensor1d([((bounds ? solution.equality : 2) * s) / c]),
    ...(bounds && { inequality: tf.tensor1d([0, 0, (solution.inequality * s) / e]) }),
  });
  return { optimality, solve };
}

/** `a · (w·x/u, ν c/s, Σ μ e/s)` in the unit g. */
const outer = ({ s, u, c, e, g }: Units, a: readonly number[]) => {
  const weights: NamedTensors = {
    x: tf.tensor1d([1, -2, 0.5].map((w) => (a[0]! * g * w) / u)),
    equality: tf.tensor1d([(a[1]! * g * c) / s]),
    inequality: tf.tensor1d([0, 0, (a[2]! * g * e) / s]),
  };
  return {
    weights,
    of: (point: NamedTensors) =>
      tf.addN(Object.keys(point).map((name) => tf.dot(point[name]!, weights[name]!))) as tf.Scalar,
  };
};

const θ = () => tf.tensor1d([1, 2, 4]);

const expected = ([x, ν, μ]: readonly number[], bounds: boolean) =>
  bounds
    ? [1.5 * x! + 0.5 * ν! - 0.5 * μ!, -1.5 * x! + 0.5 * ν! - 0.5 * μ!, μ!]
    : [7 / 6, -11 / 6, 4 / 6].map((slope) => slope * x! + ν! / 3);

const parts = [
  [1, 0, 0],
  [0, 1, 0],
  [0, 0, 1],
  [1, 1, 1],
];

function errorOf(units: Units, a: readonly number[], bounds: boolean, solver?: LinearSolver) {
  return tf.tidy(() => {
    const { optimality, solve } = programOf(units, bounds);
    const point = argmin(solve, optimality, solver && { solver });
    const { of } = outer(units, a);
    const slopes = tf
      .grad((θ) => of(point(θ)))(θ())
      .dataSync();
    const wanted = expected(a, bounds);
    return Math.max(...wanted.map((value, i) => Math.abs(slopes[i]! / units.g - value)));
  });
}

const isInRange = ({ s, u, c, e, g }: Units) =>
  [s / u, s / u / u, c / u, e / u, s / c, s / e, g / u, (g * c) / s, (g * e) / s]
    .concat([(g * u) / s, (g * u * u) / s, g / c, g / e])
    .every((size) => size > 1e-34 && size < 1e34);

function situations(count: number): Units[] {
  const stream = random(15);
  const unit = () => 10 ** Math.round(60 * stream.uniform() - 30);
  const found: Units[] = [];
  while (found.length < count) {
    const units = { s: unit(), u: unit(), c: unit(), e: unit(), g: unit() };
    if (isInRange(units)) found.push(units);
  }
  return found;
}

const equal: Units = { s: 1e-30, u: 1e-30, c: 1e-30, e: 1, g: 1e-15 };

describe('the derivative of a constrained minimum does not see the units of its blocks', () => {
  it.each<[string, LinearSolver | undefined, boolean]>([
    ['the default solver', undefined, true],
    ['gmres', gmres(), false],
    ['dense', dense(), true],
    ['cgNormal', cgNormal({ maxIterations: 300 }), true],
    ['minres', minres(), false],
  ])('%s', (_, solver, bounds) => {
    for (const [k, units] of [equal, ...situations(7)].entries()) {
      const a = bounds ? parts[k % 4]! : [1, k % 2, 0];
      expect(errorOf(units, a, bounds, solver), JSON.stringify(units)).toBeLessThan(1e-3);
    }
    expect(warn).not.toHaveBeenCalled();
  });

  it('nor where it is waited for', async () => {
    for (const units of [equal, ...situations(2)]) {
      const before = tf.memory().numTensors;
      const { optimality, solve } = programOf(units, true);
      const [given, { weights }] = [θ(), outer(units, [1, 1, 1])];
      const point = await argminAsync(async () => solve(), optimality)(given);
      const [slopes] = await point.pullBack(weights);
      expected([1, 1, 1], true).forEach((value, i) => {
        expect(Math.abs(slopes!.dataSync()[i]! / units.g - value)).toBeLessThan(1e-3);
      });
      point.dispose();
      tf.dispose([given, weights, slopes!]);
      expect(tf.memory().numTensors).toBe(before);
    }
    expect(warn).not.toHaveBeenCalled();
  });

  it('and where numbers cannot be read at once, what is wrong is said once they are', async () => {
    const { readableNow } = tensors;
    tensors.readableNow = () => false;
    try {
      const one: Units = { s: 1, u: 1, c: 1, e: 1, g: 1 };
      for (const [k, units] of [one, ...situations(4)].entries()) {
        warn.mockClear();
        const before = tf.memory().numTensors;
        const error = errorOf(units, parts[k % 4]!, true, gmres());
        await new Promise((resolve) => setTimeout(resolve));
        const isWrong = !(error < 1e-2);
        if (isWrong) expect(warn).toHaveBeenCalledWith(expect.stringMatching(/take argminAsync/));
        if (k === 0) expect([isWrong, warn.mock.calls]).toEqual([false, []]);
        expect(tf.memory().numTensors).toBe(before);
      }
    } finally {
      tensors.readableNow = readableNow;
    }
  });

  it('and leaves nothing in memory', () => {
    const before = tf.memory().numTensors;
    for (const solver of [gmres(), dense(), gmres({ damping: 1e-3 })]) {
      errorOf(equal, [1, 0, 0], true, solver);
    }
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe('a block that is not solved is reported', () => {
  const inner = gmres({ tolerance: 1e-5 });
  const own: LinearSolver = {
    name: 'own',
    solve: (...system) => inner.solve(...system),
    solveSync: (...system) => inner.solveSync(...system),
    solveDeferred: (...system) => inner.solveDeferred(...system),
  };

  it.each<[string, LinearSolver]>([
    ['a solver of your own', own],
    ['damping', gmres({ damping: 1e-9 })],
  ])('that %s hides', (_, solver) => {
    for (const units of [equal, ...situations(2)]) {
      warn.mockClear();
      const error = errorOf(units, [1, 0, 0], true, solver);
      if (error < 1e-3) continue;
      expect(warn.mock.calls.flat().join(), JSON.stringify(units)).toMatch(
        /most of it in that of '(x|equality|inequality)'/,
      );
    }
    expect(warn).toHaveBeenCalled();
  });

  it('by an error that names it, where one is asked for', () => {
    const { optimality, solve } = programOf(equal, false);
    const point = argmin(solve, optimality, { solver: own, onFailure: 'throw' });
    const slopes = () => tf.grad((θ) => outer(equal, [1, 0, 0]).of(point(θ)))(θ());
    expect(() => tf.tidy(slopes)).toThrow(SolveError);
    expect(() => tf.tidy(slopes)).toThrow(/in that of '(x|equality)'/);
  });
});

it('blocks that do not meet are solved each, whatever their units', () => {
  for (const [a, b] of [
    [1e-15, 1e15],
    [1e10, 1e-20],
  ] as const) {
    tf.tidy(() => {
      const θ = tf.tensor1d([2, 3]);
      const found: NamedTensors = {
        a: tf.mul(a, tf.square(θ)),
        b: tf.mul(b, tf.square(θ)),
      };
      const point = attach(found, (x: NamedTensors, θ) => ({
        a: tf.sub(tf.sqrt(tf.div(x.a!, a)), θ!),
        b: tf.sub(tf.div(x.b!, b), tf.square(θ!)),
      }));
      const slopes = tf.grad((θ) => {
        const { a: first, b: second } = point(θ);
        return tf.add(tf.sum(tf.div(first!, a)), tf.sum(tf.div(second!, b)));
      })(θ);
      [8, 12].forEach((value, i) => {
        expect(slopes.dataSync()[i]! / value).toBeCloseTo(1, 3);
      });
    });
  }
  expect(warn).not.toHaveBeenCalled();
});
