import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import type { LinearOperator, NamedTensors } from '../spaces';
import {
  cg,
  cgNormal,
  dense,
  eigenvalues,
  fixedPoint,
  gmres,
  type LinearSolver,
  lowRank,
  minres,
  neumann,
  nystrom,
  powerIteration,
  solveMany,
  spectralDensity,
  trace,
  woodbury,
} from '.';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

/** diag(2, 3, 4), whose product number `last` throws. */
function throwing(last: number): LinearOperator<NamedTensors> & { count: number } {
  const scale = [2, 3, 4];
  const A = {
    count: 0,
    apply({ w }: NamedTensors): NamedTensors {
      A.count++;
      if (A.count === last) throw new Error('broken');
      return { w: tf.mul(w!, scale) };
    },
    transpose: (v: NamedTensors) => A.apply(v),
    dispose() {},
  };
  return A;
}

const like = () => ({ w: tf.tensor1d([1, 2, 3]) });

const solvers: LinearSolver[] = [
  cg({ tolerance: 1e-6 }),
  cg({ tolerance: 1e-6, best: 'energy' }),
  cgNormal({ tolerance: 1e-6 }),
  minres({ tolerance: 1e-6 }),
  gmres({ tolerance: 1e-6 }),
  neumann({ terms: 5 }),
  neumann({ terms: 3, scale: 0.2 }),
  fixedPoint({ maxIterations: 5 }),
  dense(),
  dense({ damping: 0.1 }),
];

const ways: Record<string, (solver: LinearSolver, A: LinearOperator<NamedTensors>) => unknown> = {
  solve: (solver, A) => solver.solve(A, like()),
  solveSync: (solver, A) => solver.solveSync(A, like()),
  solveDeferred(solver, A) {
    const { report, value, dispose } = solver.solveDeferred(A, like());
    tf.dispose(value);
    return report().finally(dispose);
  },
};

/** Calls with each product that throws in turn, until none does; what is left after each that threw. */
async function leftovers(run: (A: LinearOperator<NamedTensors>) => unknown): Promise<number[]> {
  const left: number[] = [];
  for (let last = 1; last < 60; last++) {
    const A = throwing(last);
    const before = tf.memory().numTensors;
    tf.engine().startScope();
    try {
      const found = await run(A);
      tf.dispose(found as tf.TensorContainer);
      // No product was the one that throws.
      if (A.count < last) return left;
      left.push(Number.NaN);
    } catch (error) {
      expect((error as Error).message).toBe('broken');
    } finally {
      tf.engine().endScope();
    }
    left.push(tf.memory().numTensors - before);
  }
  return left;
}

describe('an operator that throws at any product leaves no tensor', () => {
  describe.each(Object.entries(ways))('%s', (_, way) => {
    it.each(solvers.map((solver) => [JSON.stringify(solver), solver] as const))(
      '%s',
      async (_, solver) => {
        const left = await leftovers((A) => way(solver, A));
        expect(left.length).toBeGreaterThan(0);
        expect(left).toEqual(left.map(() => 0));
      },
    );
  });

  it.each<[string, (A: LinearOperator<NamedTensors>) => unknown]>([
    ['nystrom', async (A) => (await nystrom(A, like(), { rank: 2 })).dispose()],
    ['powerIteration', (A) => powerIteration(A, like(), { iterations: 5 })],
    ['eigenvalues', (A) => eigenvalues(A, { largest: 2, like: like() })],
    ['trace', (A) => trace(A, { probes: 3, like: like() })],
    ['spectralDensity', (A) => spectralDensity(A, { like: like(), steps: 2, probes: 2 })],
    ['solveMany', (A) => solveMany(A, [like(), { w: tf.tensor1d([1, 0, -1]) }])],
    [
      'woodbury',
      (A) => {
        const low = lowRank({
          diagonal: 1,
          jvp: (v: NamedTensors) => A.apply(v),
          vjp: (u: NamedTensors) => A.apply(u),
          outputs: like(),
        });
        return woodbury().solve(low, like());
      },
    ],
  ])('%s', async (_, run) => {
    const left = await leftovers(run);
    expect(left.length).toBeGreaterThan(0);
    expect(left).toEqual(left.map(() => 0));
  });
});
