import * as tf from '@tensorflow/tfjs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { leaveOutWithoutPrograms } from '../../test/needs';
import { compiledMap, switchPrograms } from '../autodiff';
import { normal } from '../autodiff/testing';
import { useBackend } from '../backends';
import { SolveError } from '../errors';
import { fixedPoint, gmres, type LinearSolver, minres, neumann } from '../solvers';
import { type ArgminOptions, argmin } from '.';

leaveOutWithoutPrograms();

const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
beforeAll(() => useBackend('wasm', { threads: 1 }));
beforeEach(() => warn.mockClear());
afterEach(() => switchPrograms(true));
afterAll(() => warn.mockRestore());

const map = (z: tf.Tensor, A: tf.Tensor, b: tf.Tensor) =>
  tf.tanh(tf.add(tf.matMul(z as tf.Tensor2D, A as tf.Tensor2D), b));

const solve = (A: tf.Tensor, b: tf.Tensor) => {
  let z = tf.zerosLike(b);
  for (let t = 0; t < 40; t++) z = map(z, A, b);
  return z;
};
const residual = (z: tf.Tensor, A: tf.Tensor, b: tf.Tensor) => tf.sub(z, map(z, A, b));

const [compiledSolve, compiledResidual] = [compiledMap(solve), compiledMap(residual)];

/** Gradients of a sum by the equilibrium's derivative, with a matrix of some norm. */
function gradients(
  options: ArgminOptions,
  {
    rows,
    columns,
    norm = 0.4,
    outer = 1,
  }: { rows: number; columns: number; norm?: number; outer?: number },
) {
  warn.mockClear();
  const A = tf.mul(norm / Math.sqrt(columns), normal([columns, columns], 1));
  const [b, weights] = [normal([rows, columns], 2), tf.mul(outer, normal([rows, columns], 3))];
  const of = (rest: (...θ: tf.Tensor[]) => tf.Tensor) =>
    tf.grads((A: tf.Tensor, b: tf.Tensor) => tf.sum(tf.mul(weights, rest(A, b))))([A, b]);
  const found = of(argmin(compiledSolve, compiledResidual, options) as never);
  const said = warn.mock.calls.length;
  switchPrograms(false);
  const wanted = of(argmin(solve, residual, options) as never);
  switchPrograms(true);
  expect(warn.mock.calls.length).toBe(2 * said);
  return { found, wanted };
}

const off = (x: tf.Tensor, y: tf.Tensor) => {
  const [difference, size] = [tf.norm(tf.sub(x, y)), tf.norm(y)].map((n) => n.dataSync()[0]!);
  return difference! / size!;
};

const solvers: [string, LinearSolver][] = [
  ['gmres', gmres({ tolerance: 1e-5 })],
  ['fixedPoint', fixedPoint({ tolerance: 1e-5 })],
  ['fixedPoint, cut off', fixedPoint({ tolerance: 0, maxIterations: 11 })],
  ['neumann', neumann({ terms: 12, scale: 0.9 })],
];

describe('argmin of compiled maps', () => {
  it.each(solvers)('has the derivative that operations have: %s', (_, solver) => {
    const { found, wanted } = gradients({ solver }, { rows: 6, columns: 5 });
    for (const i of [0, 1]) expect(off(found[i]!, wanted[i]!)).toBeLessThan(2e-5);
  });

  it.each(solvers)('also of a million numbers in blocks of rows: %s', (_, solver) => {
    const { found, wanted } = gradients({ solver }, { rows: 1100, columns: 500 });
    for (const i of [0, 1]) expect(off(found[i]!, wanted[i]!)).toBeLessThan(5e-5);
    tf.dispose([found, wanted]);
  });

  it('adds terms of any size in blocks: of a very small right-hand side, and where they grow', () => {
    const solver = fixedPoint({ tolerance: 0, maxIterations: 9 });
    for (const change of [{ outer: 1e-22 }, { norm: 2.5 }]) {
      const { found, wanted } = gradients({ solver }, { rows: 1100, columns: 500, ...change });
      for (const i of [0, 1]) expect(off(found[i]!, wanted[i]!)).toBeLessThan(1e-4);
      tf.dispose([found, wanted]);
    }
  });

  it('is known in closed form: of a linear map', () => {
    const linear = (z: tf.Tensor, a: tf.Tensor, b: tf.Tensor) => tf.sub(z, tf.add(tf.mul(z, a), b));
    const rest = argmin(
      compiledMap((a: tf.Tensor, b: tf.Tensor) => tf.div(b, tf.sub(1, a))) as never,
      compiledMap(linear) as never,
      { solver: fixedPoint({ tolerance: 1e-6, maxIterations: 200 }) },
    );
    const [da, db] = tf.grads((a: tf.Tensor, b: tf.Tensor) => tf.sum(rest(a, b) as tf.Tensor))([
      tf.tensor1d([0.5, -0.5]),
      tf.tensor1d([3, 3]),
    ]);
    // z = b/(1 − a), ∂z/∂a = b/(1 − a)², ∂z/∂b = 1/(1 − a).
    expect([...da!.dataSync()]).toEqual([12, 4 / 3].map((x) => expect.closeTo(x, 3)));
    expect([...db!.dataSync()]).toEqual([2, 2 / 3].map((x) => expect.closeTo(x, 4)));
  });

  it('throws, or warns, where the solve does not converge', () => {
    const solver = minres({ tolerance: 1e-6, maxIterations: 1 });
    expect(() => gradients({ solver, onFailure: 'throw' }, { rows: 6, columns: 5 })).toThrow(
      SolveError,
    );
    gradients({ solver }, { rows: 6, columns: 5 });
    expect(warn).toHaveBeenCalledTimes(2);
    expect(warn.mock.calls[0]).toEqual(warn.mock.calls[1]);
  });

  it('refuses an optimality that is not like the solution, as without programs', () => {
    type Named = { z: tf.Tensor };
    const unlike: [string, (z: tf.Tensor) => tf.Tensor | tf.TensorContainerObject][] = [
      ['another name', (z) => ({ y: z })],
      ['one more', (z) => ({ z, y: z })],
      ['no name', (z) => z],
      ['another shape', (z) => ({ z: tf.sum(z, 0) })],
    ];
    const [A, b] = [tf.mul(0.2, normal([3, 3], 1)), normal([2, 3], 2)];
    for (const [name, value] of unlike) {
      const named = (A: tf.Tensor, b: tf.Tensor) => ({ z: solve(A, b) });
      const optimality = ({ z }: Named, A: tf.Tensor, b: tf.Tensor) => value(residual(z, A, b));
      const rest = argmin(compiledMap(named) as never, compiledMap(optimality as never) as never, {
        solver: fixedPoint(),
      }) as unknown as (A: tf.Tensor, b: tf.Tensor) => Named;
      const derivative = () => tf.grad((b: tf.Tensor) => tf.sum(rest(A, b).z))(b);
      expect(derivative, name).toThrow(/of an optimality|an optimality whose value/);
    }
  });

  it('can be differentiated again', () => {
    const rest = argmin(compiledSolve, compiledResidual) as (...θ: tf.Tensor[]) => tf.Tensor;
    const plain = argmin(solve as never, residual as never) as typeof rest;
    const A = tf.mul(0.2, normal([3, 3], 1));
    const second = (rest: (...θ: tf.Tensor[]) => tf.Tensor) => {
      const first = tf.grad((b: tf.Tensor) => tf.sum(tf.square(rest(A, b))));
      return tf.grad((b: tf.Tensor) => tf.sum(tf.square(first(b))))(normal([2, 3], 2));
    };
    expect(off(second(rest), second(plain))).toBeLessThan(1e-4);
  });

  it('leaves nothing behind', () => {
    const rest = argmin(compiledSolve, compiledResidual) as (...θ: tf.Tensor[]) => tf.Tensor;
    const [A, b] = [tf.mul(0.2, normal([3, 3], 1)), normal([2, 3], 2)];
    const once = () => tf.dispose(tf.grad((b: tf.Tensor) => tf.sum(rest(A, b)))(b));
    once();
    const before = tf.memory().numTensors;
    once();
    expect(tf.memory().numTensors).toBe(before);
  });
});
