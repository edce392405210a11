import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { useBackend } from '../backends';
import type { LinearOperator, NamedTensors } from '../spaces';
import { cg, cgNormal, dense, gmres, type LinearSolver, minres, neumann } from '.';

const diagonal = [4, 3, 2, 1.5, 1];
/** A symmetric, positive definite matrix of three diagonals, and a right-hand side. */
const A = diagonal.map((d, i) =>
  diagonal.map((_, j) => (i === j ? d : Math.abs(i - j) === 1 ? 0.1 : 0)),
);
const b = [1, -2, 0.5, 3, -1];

/** Solvers, for a matrix in a unit; a Neumann series is given its scale in the same. */
const solvers: Record<string, (unit: number) => LinearSolver> = {
  cg: () => cg({ tolerance: 1e-5 }),
  minres: () => minres({ tolerance: 1e-5 }),
  gmres: () => gmres({ tolerance: 1e-5 }),
  cgNormal: () => cgNormal({ tolerance: 1e-4 }),
  dense: () => dense({ tolerance: 1e-5 }),
  neumann: (unit) => neumann({ terms: 60, scale: 0.4 / unit }),
  'neumann, its scale found': () => neumann({ terms: 60 }),
};

const numbers = (unit: number): LinearOperator<Float64Array> => {
  const apply = (v: Float64Array) =>
    Float64Array.from(A, (row) => unit * row.reduce((sum, a, j) => sum + a * v[j]!, 0));
  return { apply, transpose: apply, dispose() {} };
};

const named = (unit: number): LinearOperator<NamedTensors> => {
  const apply = ({ w }: NamedTensors) => ({
    w: tf.tidy(() => tf.reshape(tf.matMul(tf.mul(A, unit), tf.reshape(w!, [5, 1])), [5])),
  });
  return { apply, transpose: apply, dispose() {} };
};

let solution: Float64Array;

beforeAll(async () => {
  await useBackend('cpu');
  solution = (await dense().solve(numbers(1), Float64Array.from(b))).value;
});

function expectSolution(found: ArrayLike<number>, unit: number): void {
  const errors = Array.from(found, (x, i) => Math.abs(x / unit / solution[i]! - 1));
  expect(Math.max(...errors)).toBeLessThan(1e-3);
}

describe.each(Object.entries(solvers))('%s does not see the unit of the problem', (_, make) => {
  const units = [1e-100, 1e-30, 1e-10, 1, 1e10, 1e30, 1e100];
  it.each(units)('in float64, of a matrix of %d', async (ofA) => {
    for (const ofB of [1e-200, 1e-30, 1, 1e30, 1e150]) {
      const right = Float64Array.from(b, (value) => value * ofB);
      expectSolution((await make(ofA).solve(numbers(ofA), right)).value, ofB / ofA);
      const deferred = make(ofA).solveDeferred(numbers(ofA), right);
      expectSolution(deferred.value, ofB / ofA);
      deferred.dispose();
    }
  });

  it.each([1e-15, 1e-8, 1, 1e8, 1e15])('in float32, of a matrix of %d', async (ofA) => {
    for (const ofB of [1e-30, 1e-20, 1, 1e20, 1e30].filter(
      (u) => u / ofA > 1e-31 && u / ofA < 1e31,
    )) {
      const right = { w: tf.tensor1d(b.map((value) => value * ofB)) };
      const { value } = await make(ofA).solve(named(ofA), right);
      expectSolution(await value.w!.data(), ofB / ofA);
      tf.dispose([right, value]);
    }
  });
});

describe.each(['cg', 'minres', 'gmres', 'cgNormal'])(
  '%s of products that cannot be squared',
  (name) => {
    it.each([1e-30, 1e-24, 1e24, 1e30])('in float32, of a matrix of %d', async (ofA) => {
      for (const ofB of [1e-30, 1e-15, 1, 1e15, 1e30]) {
        if (ofB / ofA < 1e-31 || ofB / ofA > 1e31) continue;
        const right = { w: tf.tensor1d(b.map((value) => value * ofB)) };
        const start = { w: tf.tensor1d(b.map((value) => (value * ofB) / ofA)) };
        const before = tf.memory().numTensors;
        for (const options of [{}, { start }]) {
          const { value, status } = await solvers[name]!(ofA).solve(named(ofA), right, options);
          expect(status).toBe('converged');
          expectSolution(await value.w!.data(), ofB / ofA);
          tf.dispose(value);
          expect(tf.memory().numTensors).toBe(before);
        }
        tf.dispose([right, start]);
      }
    });
  },
);

it('takes no further product where a solve ends early in a unit that can be squared', async () => {
  for (const make of [cg, minres, gmres]) {
    let products = 0;
    const counted: LinearOperator<NamedTensors> = {
      ...named(1e-3),
      apply(v) {
        products++;
        return named(1e-3).apply(v);
      },
    };
    const right = { w: tf.tensor1d(b) };
    const options = { tolerance: 1e-9, maxIterations: 2 };
    const found = await make(options).solve(counted, right, { verify: false });
    expect(found.status).toBe('max-iterations');
    expect(products).toBe(2);
    tf.dispose([right, found.value]);
  }
});
