import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { useBackend } from '../backends';
import { type LinearOperator, type NamedTensors, tensors } from '../spaces';
import {
  cg,
  cgNormal,
  dense,
  gmres,
  type LinearSolver,
  minres,
  neumann,
  nystrom,
  powerIteration,
} from '.';

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

const scaled = (unit: number): LinearOperator<NamedTensors> => ({
  apply: ({ w }) => ({ w: tf.mul(w!, unit) }),
  dispose() {},
});

it('brings b to about 1, so that a large A leaves the range neither', async () => {
  for (const make of [cg, minres, gmres]) {
    for (const [ofA, ofB] of [
      [1e10, 1e-10],
      [1e-10, 1e13],
      [1e12, 1e-10],
    ] as const) {
      const right = { w: tf.tensor1d([-0.75 * ofB, -1.75 * ofB]) };
      const { value, status } = await make().solve(scaled(ofA), right);
      expect(status).toBe('converged');
      const [first] = await value.w!.data();
      expect(first! / (-0.75 * (ofB / ofA))).toBeCloseTo(1, 5);
      tf.dispose([right, value]);
    }
  }
});

it('does so without reading a number', async () => {
  for (const make of [cg, minres, gmres]) {
    for (const [ofA, ofB] of [
      [1e10, 1e-10],
      [1e10, 1e-12],
      [1e-10, 1e13],
      [1e10, 1e13],
      [1, 1e-25],
      [1, 1e25],
    ] as const) {
      const right = { w: tf.tensor1d([-0.75 * ofB, -1.75 * ofB]) };
      const readable = vi.spyOn(tensors, 'readableNow').mockReturnValue(false);
      const solution = make({ maxIterations: 3 }).solveDeferred(scaled(ofA), right);
      readable.mockRestore();
      expect((await solution.report()).status).toBe('converged');
      const [first] = await solution.value.w!.data();
      expect(first! / (-0.75 * (ofB / ofA))).toBeCloseTo(1, 5);
      tf.dispose([right, solution.value]);
    }
  }
});

it('says that a solution is not held where float32 cannot hold it', async () => {
  for (const solver of [cg(), minres(), gmres(), dense()]) {
    const before = tf.memory().numTensors;
    for (const [ofA, ofB] of [
      [1e20, 1e-20],
      [1e30, 1e-30],
      [1e-30, 1e20],
    ] as const) {
      const right = { w: tf.tensor1d([-0.75 * ofB, -1.75 * ofB]) };
      const { value, status, residualNorm } = await solver.solve(scaled(ofA), right);
      const [x, y] = await value.w!.data();
      expect(Number.isFinite(x)).toBe(true);
      expect(status).not.toBe('converged');
      const left = Math.hypot(-0.75 - x! * (ofA / ofB), -1.75 - y! * (ofA / ofB));
      expect(residualNorm / ofB / left).toBeCloseTo(1, 1);
      tf.dispose([right, value]);
    }
    expect(tf.memory().numTensors).toBe(before);
  }
});

it('a direct solution of a small system is judged by products that do not vanish', async () => {
  // I + δH with δ = 1/ofH: the product H v of a v of the size of b vanishes in float32.
  for (const ofH of [1e-30, 1e-20]) {
    const step: LinearOperator<NamedTensors> = {
      apply: ({ w }) => ({ w: tf.add(w!, tf.mul(tf.mul(w!, [ofH, 2 * ofH]), 1 / ofH)) }),
      dispose() {},
    };
    const right = { w: tf.tensor1d([2 * ofH, 3 * ofH]) };
    const { value, status, residualNorm } = await dense().solve(step, right);
    expect(status).toBe('converged');
    expect(residualNorm / ofH).toBeLessThan(1e-5);
    const [first, second] = await value.w!.data();
    expect([first! / ofH, second! / ofH].map((x) => Math.round(x * 1e5) / 1e5)).toEqual([1, 1]);
    tf.dispose([right, value]);
  }
});

it('a scale is found, and eigenvalues and preconditioners too, where squares vanish', async () => {
  for (const unit of [1e-30, 1e-20, 1e20, 1e30]) {
    const like = { w: tf.tensor1d(b) };
    const found = await neumann({ terms: 60 }).solve(named(unit), like);
    expectSolution(await found.value.w!.data(), 1 / unit);
    const largest = await powerIteration(numbers(1), Float64Array.from(b), { iterations: 200 });
    const inUnit = await powerIteration(named(unit), like, { iterations: 200 });
    expect(inUnit / unit / largest).toBeCloseTo(1, 4);
    const M = await nystrom(named(unit), like, { rank: 5 });
    const inverse = M.apply(like);
    expectSolution(await inverse.w!.data(), 1 / unit);
    M.dispose();
    tf.dispose([like, found.value, inverse]);
  }
});
