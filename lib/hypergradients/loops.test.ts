import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { leaveOutWithoutPrograms } from '../../test/needs';
import { compiled, type Flat } from '../autodiff';
import { normal } from '../autodiff/testing';
import { useBackend } from '../backends';
import { type FlatProblem, flatProblem } from '../problems';
import { cg, fixedPoint, gmres, type LinearSolver, minres, neumann } from '../solvers';
import type { NamedTensors } from '../spaces';
import { countDerivative } from './evaluation';
import { solveIn } from './solve-in';

leaveOutWithoutPrograms();

beforeAll(() => useBackend('wasm', { threads: 1 }));

/** Logistic regression on 7 features; with a penalty below 0 its Hessian is indefinite. */
function setting(penalty: number): FlatProblem {
  const X = normal([30, 7], 1) as tf.Tensor2D;
  const y = tf.sign(normal([30, 1], 2));
  const inner = compiled(({ w }: NamedTensors, { λ }: NamedTensors) => {
    const data = tf.mean(tf.softplus(tf.neg(tf.mul(y, tf.matMul(X, w as tf.Tensor2D)))));
    return tf.add(data, tf.mul(0.5, tf.sum(tf.mul(λ!, tf.square(w!))))) as tf.Scalar;
  });
  const λ = { λ: tf.mul(penalty, tf.linspace(0.5, 1.5, 7).reshape([7, 1])) };
  const w = { w: normal([7, 1], 3) };
  return flatProblem({ inner, outer: inner }, w, λ, 'pull to the varied')!;
}

const solvers: [string, LinearSolver, penalty?: number][] = [
  ['cg', cg({ tolerance: 1e-6 })],
  ['cg to a tolerance that rounding forbids', cg({ tolerance: 1e-12, maxIterations: 60 })],
  ['cg cut off', cg({ tolerance: 0, maxIterations: 3 })],
  ['cg cut off, by energy', cg({ tolerance: 0, maxIterations: 5, best: 'energy' })],
  ['cg, damped', cg({ tolerance: 1e-6, damping: 0.1 })],
  ['cg of an indefinite matrix', cg({ tolerance: 1e-6 }), -0.2],
  ['cg of an indefinite matrix, by energy', cg({ tolerance: 1e-6, best: 'energy' }), -0.2],
  ['neumann', neumann({ terms: 15, scale: 1 })],
  ['neumann to a tolerance', neumann({ terms: 90, scale: 1, tolerance: 1e-2 })],
  ['neumann, damped', neumann({ terms: 15, scale: 1, damping: 0.3 })],
  ['neumann, scaled by itself', neumann({ terms: 15 })],
  ['neumann that diverges', neumann({ terms: 30, scale: 9 })],
  ['fixedPoint', fixedPoint({ tolerance: 1e-5 })],
  ['fixedPoint cut off', fixedPoint({ tolerance: 0, maxIterations: 9 })],
  ['fixedPoint that diverges', fixedPoint(), 3],
  ['minres', minres({ tolerance: 1e-5 })],
  ['minres to a tolerance that rounding forbids', minres({ tolerance: 1e-12, maxIterations: 60 })],
  ['minres cut off', minres({ tolerance: 0, maxIterations: 4 })],
  ['minres, damped', minres({ tolerance: 1e-5, damping: 0.2 })],
  ['minres of an indefinite matrix', minres({ tolerance: 1e-5 }), -0.2],
  ['gmres', gmres({ tolerance: 1e-5 })],
  ['gmres that restarts', gmres({ tolerance: 1e-6, restart: 3, maxIterations: 40 })],
  ['gmres that forgets at once', gmres({ tolerance: 1e-4, restart: 1, maxIterations: 25 })],
  ['gmres, damped and cut off', gmres({ tolerance: 0, damping: 0.2, maxIterations: 5 })],
  ['gmres of an indefinite matrix', gmres({ tolerance: 1e-6, restart: 5 }), -0.2],
];

describe('solves in one call', () => {
  it.each(solvers)(
    'are to the last bit those product by product: %s',
    async (_, solver, by = 0.3) => {
      const { space, form, w, dispose } = setting(by);
      const derivative = form.linearize(w, 1);
      const held = space.bytes;
      for (const seed of [1, 2, 3]) {
        const vector = (scale: number, by: number) => {
          const x = space.keep(space.clone(w));
          space.numbers(x).forEach((_, i, all) => {
            all[i] = scale * Math.sin(seed + by * i);
          });
          return x;
        };
        // A very small right-hand side is lifted.
        const [b, start] = [
          vector(seed === 3 ? 1e-12 : 1, 1.7),
          vector(seed === 3 ? 1e-12 : 1, 2.9),
        ];
        for (const from of [undefined, start]) {
          const solved = async (withLoops: boolean) => {
            let watched = 0;
            const count = { products: 0, watch: () => void watched++ };
            const { hessian, loops } = countDerivative<Flat>(derivative, count);
            const A = { apply: (v: Flat) => hessian!(v), space, dispose() {} };
            const { value, ...report } = await solveIn(
              solver,
              withLoops ? { ...A, loops: loops! } : A,
              b,
              from && { start: from },
            );
            const numbers = [...space.numbers(value)];
            space.free(value);
            return { numbers, ...report, products: count.products, watched };
          };
          const { watched: calls, ...found } = await solved(true);
          const { watched: all, ...wanted } = await solved(false);
          expect(found).toEqual(wanted);
          expect(all).toBe(wanted.products);
          expect(calls).toBeLessThanOrEqual(all + 2);
        }
        space.free([b, start]);
      }
      expect(space.bytes).toBe(held);
      derivative.dispose();
      dispose();
    },
  );

  it('take fewer calls than products, and end where what watches them throws', async () => {
    const { space, form, w, dispose } = setting(0.3);
    const derivative = form.linearize(w, 1);
    const held = space.bytes;
    let calls = 0;
    const count = { products: 0, watch: () => void calls++ };
    const { hessian, loops } = countDerivative<Flat>(derivative, count);
    const A = { apply: (v: Flat) => hessian!(v), space, loops: loops!, dispose() {} };
    const long = neumann({ terms: 200, scale: 0.01 });
    const { value } = await solveIn(long, A, w);
    space.free(value);
    expect(count.products).toBeGreaterThan(200);
    expect(calls).toBeLessThan(100);
    const ended = countDerivative<Flat>(derivative, {
      products: 0,
      watch() {
        throw new Error('ended');
      },
    });
    const B = { ...A, loops: ended.loops! };
    await expect(solveIn(long, B, w)).rejects.toThrow('ended');
    expect(space.bytes).toBe(held);
    derivative.dispose();
    dispose();
  });
});
