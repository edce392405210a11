import * as tf from '@tensorflow/tfjs';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { float64, type LinearOperator, type NamedTensors, tensors } from '../spaces';
import { cg, conjugateGradients } from './cg';
import { iterateMasked } from './masked';

/** A seeded uniform generator on (−1, 1). */
function noise(seed: number) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  };
}

const multiply = (A: number[][], x: Float64Array) =>
  Float64Array.from(A, (row) => row.reduce((sum, a, j) => sum + a * x[j]!, 0));
const dense = (A: number[][]): LinearOperator<Float64Array> => ({
  apply: (v) => multiply(A, v),
  dispose() {},
});
/** `GᵀG/n + ridge·I` for random G: positive definite. */
function positive(n: number, seed: number, ridge = 0.1) {
  const next = noise(seed);
  const G = Array.from({ length: n }, () => Float64Array.from({ length: n }, next));
  return Array.from({ length: n }, (_, i) =>
    Array.from(
      { length: n },
      (_, j) => G.reduce((sum, g) => sum + g[i]! * g[j]!, 0) / n + (i === j ? ridge : 0),
    ),
  );
}
const randomVector = (n: number, seed: number) => Float64Array.from({ length: n }, noise(seed));
const norm = (x: Float64Array) => Math.hypot(...x);

describe('on Float64Arrays', () => {
  it.each([1, 2, 3, 4])('solves a random positive definite system, seed %i', async (seed) => {
    const A = positive(40, seed);
    const x = randomVector(40, seed + 100);
    const { value, status, residualNorm } = await cg({ tolerance: 1e-13 }).solve(
      dense(A),
      multiply(A, x),
    );
    expect(status).toBe('converged');
    expect(norm(float64.subtract(value, x))).toBeLessThan(1e-11 * norm(x));
    const residual = float64.subtract(multiply(A, x), multiply(A, value));
    expect(Math.abs(residualNorm - norm(residual))).toBeLessThan(1e-13);
  });

  it('ends after as many steps as there are distinct eigenvalues', () => {
    const A = dense([
      [2, 0, 0, 0],
      [0, 2, 0, 0],
      [0, 0, 5, 0],
      [0, 0, 0, 5],
    ]);
    const { iterations, value } = cg().solveSync(A, Float64Array.of(2, 4, 5, 10));
    expect(iterations).toBe(2);
    expect([...value].map((v) => Math.round(v * 1e12) / 1e12)).toEqual([1, 2, 1, 2]);
  });

  it('keeps the textbook bound on the error in the norm of A', async () => {
    const eigenvalues = Array.from({ length: 100 }, (_, i) => 0.01 + (0.99 * i) / 99);
    const A: LinearOperator<Float64Array> = {
      apply: (v) => v.map((value, i) => eigenvalues[i]! * value),
      dispose() {},
    };
    const x = new Float64Array(100).fill(1);
    const energy = (v: Float64Array) => Math.sqrt(float64.dot(v, A.apply(v)));
    const ratio = (Math.sqrt(100) - 1) / (Math.sqrt(100) + 1);
    for (const k of [1, 5, 10, 20, 40]) {
      const { value } = await cg({ tolerance: 0, maxIterations: k }).solve(A, A.apply(x));
      expect(energy(float64.subtract(value, x))).toBeLessThanOrEqual(2 * ratio ** k * energy(x));
    }
  });

  it('solves (A + τI) x = b when damped, also from a start', async () => {
    const A = positive(10, 5);
    const x = randomVector(10, 6);
    const b = float64.axpy(3, x, multiply(A, x));
    for (const start of [undefined, randomVector(10, 7)]) {
      const options = start ? { start } : {};
      const { value } = await cg({ damping: 3, tolerance: 1e-12 }).solve(dense(A), b, options);
      expect(norm(float64.subtract(value, x))).toBeLessThan(1e-10);
    }
  });

  it('takes no step from the solution, and leaves the start as it was', () => {
    const A = positive(10, 5);
    const x = randomVector(10, 6);
    const start = x.slice();
    const { iterations, status } = cg().solveSync(dense(A), multiply(A, x), { start });
    expect([iterations, status]).toEqual([0, 'converged']);
    expect(start).toEqual(x);
  });

  it('converges faster with a good preconditioner, to the same solution', () => {
    const scales = Array.from({ length: 30 }, (_, i) => 10 ** (i / 10));
    const core = positive(30, 8, 2);
    const A = core.map((row, i) => row.map((a, j) => a * Math.sqrt(scales[i]! * scales[j]!)));
    const b = randomVector(30, 9);
    const jacobi: LinearOperator<Float64Array> = {
      apply: (v) => v.map((value, i) => value / A[i]![i]!),
      dispose() {},
    };
    const options = { tolerance: 1e-10, maxIterations: 1000 };
    const plain = cg(options).solveSync(dense(A), b);
    const helped = cg({ ...options, preconditioner: jacobi }).solveSync(dense(A), b);
    expect(helped.status).toBe('converged');
    expect(helped.iterations).toBeLessThan(plain.iterations / 2);
    expect(norm(float64.subtract(helped.value, plain.value))).toBeLessThan(1e-8);
  });

  it('says that rounding allows no more, rather than believe its recurrence', async () => {
    const n = 12;
    const hilbert = Array.from({ length: n }, (_, i) =>
      Array.from({ length: n }, (_, j) => 1 / (i + j + 1)),
    );
    const b = randomVector(n, 3);
    const { value, status, residualNorm } = await cg({
      tolerance: 1e-15,
      maxIterations: 2000,
    }).solve(dense(hilbert), b);
    expect(status).not.toBe('converged');
    const truth = norm(float64.subtract(b, multiply(hilbert, value)));
    expect(residualNorm / truth).toBeGreaterThan(0.2);
    expect(residualNorm / truth).toBeLessThan(5);
  });

  it('does not claim a tolerance that its own recurrence has drifted away from', async () => {
    const hilbert = Array.from({ length: 12 }, (_, i) =>
      Array.from({ length: 12 }, (_, j) => 1 / (i + j + 1)),
    );
    for (const seed of [1, 2, 3]) {
      const b = randomVector(12, seed);
      const { value, status, residualNorm } = await cg({
        tolerance: 1e-3,
        maxIterations: 2000,
      }).solve(dense(hilbert), b);
      const truth = norm(float64.subtract(b, multiply(hilbert, value)));
      expect(Math.abs(residualNorm - truth)).toBeLessThan(1e-12 * norm(b));
      expect(truth).toBeLessThanOrEqual(norm(b));
      if (status === 'converged') expect(truth).toBeLessThan(2e-3 * norm(b));
    }
  });

  it('returns the best iterate: with more iterations the residual never grows', () => {
    const eigenvalues = Float64Array.from({ length: 40 }, (_, i) => 10 ** (-i / 8));
    const A: LinearOperator<Float64Array> = {
      apply: (v) => v.map((value, i) => eigenvalues[i]! * value),
      dispose() {},
    };
    const b = randomVector(40, 4);
    const residuals = Array.from(
      { length: 60 },
      (_, k) => cg({ tolerance: 0, maxIterations: k + 1 }).solveSync(A, b).residualNorm,
    );
    residuals.slice(1).forEach((residual, k) => {
      expect(residual).toBeLessThanOrEqual(residuals[k]! * (1 + 1e-9));
    });
  });

  it('stops at negative curvature with the best iterate before it', () => {
    const A: LinearOperator<Float64Array> = {
      apply: (v) => Float64Array.of(3 * v[0]!, v[1]!, -v[2]!),
      dispose() {},
    };
    const { value, status, iterations } = cg().solveSync(A, Float64Array.of(1, 1, 0.5));
    expect(status).toBe('negative-curvature');
    expect(iterations).toBeGreaterThan(0);
    expect([...value].every(Number.isFinite)).toBe(true);
  });

  it('returns zero for b = 0, whatever the start', () => {
    const { value, status } = cg().solveSync(dense(positive(3, 1)), new Float64Array(3), {
      start: randomVector(3, 1),
    });
    expect([[...value], status]).toEqual([[0, 0, 0], 'converged']);
  });

  it('does not pass a NaN on', async () => {
    const A = dense(positive(2, 1));
    await expect(cg().solve(A, Float64Array.of(1, Number.NaN))).rejects.toThrow(/right-hand side/);
    const poisoned: LinearOperator<Float64Array> = {
      apply: (v) => v.map(() => Number.NaN),
      dispose() {},
    };
    const { value, status } = await cg().solve(poisoned, Float64Array.of(1, 2));
    expect([[...value], status]).toEqual([[0, 0], 'diverged']);
  });
});

describe('with the energy as measure', () => {
  /** λ from 1 to 1e5 and b = 1: the residual grows for many iterations, the energy never does. */
  const lambda = Float64Array.from({ length: 40 }, (_, i) => 10 ** ((5 * i) / 39));
  const stiff: LinearOperator<Float64Array> = {
    apply: (v) => v.map((value, i) => lambda[i]! * value),
    dispose() {},
  };
  const b = new Float64Array(40).fill(1);
  const energy = (x: Float64Array) => 0.5 * float64.dot(x, stiff.apply(x)) - float64.dot(b, x);

  it('a solve that is cut off still lowers it, further with every iteration', () => {
    let before = 0;
    for (const maxIterations of [1, 2, 5, 10, 20]) {
      const { value } = cg({ maxIterations, best: 'energy' }).solveSync(stiff, b);
      expect(energy(value)).toBeLessThan(before);
      before = energy(value);
    }
  });

  it('a warm start is never made worse', () => {
    const start = lambda.map((value, i) => (1 + 0.1 * Math.sin(i)) / value);
    const { value } = cg({ maxIterations: 3, best: 'energy' }).solveSync(stiff, b, { start });
    expect(energy(value)).toBeLessThan(energy(start));
  });

  it('without a readback: the same iterate', async () => {
    await tf.setBackend('cpu');
    const weights = tf.tensor1d(Float32Array.from({ length: 8 }, (_, i) => 10 ** (i / 2)));
    const A: LinearOperator<NamedTensors> = {
      apply: ({ x }) => ({ x: tf.mul(weights, x!) }),
      dispose() {},
    };
    const ones = { x: tf.ones([8]) };
    const read = cg({ maxIterations: 3, best: 'energy' }).solveSync(A, ones);
    const method = { ...conjugateGradients(), minimisesEnergy: true };
    const rule = { tolerance: 1e-6, maxIterations: 3 };
    const masked = iterateMasked({ space: tensors, A, b: ones }, method, rule, undefined);
    const [one, other] = [read.value.x!.dataSync(), masked.value.x!.dataSync()];
    expect(one[0]).not.toBe(0);
    one.forEach((value, i) => {
      expect(other[i]).toBeCloseTo(value, 5);
    });
    masked.dispose();
  });
});

describe('as a value', () => {
  it('prints, compares and serializes as its options', () => {
    const record = { name: 'cg', tolerance: 1e-8, maxIterations: 5, damping: 0 };
    const solver = cg({ tolerance: 1e-8, maxIterations: 5 });
    expect(JSON.parse(JSON.stringify(solver))).toEqual(record);
    expect({ ...solver }).toEqual(record);
  });
  it.each([
    [{ tolerance: -1 }, /tolerance: -1/],
    [{ tolerance: Number.NaN }, /tolerance: NaN/],
    [{ maxIterations: 0 }, /maxIterations: 0/],
    [{ maxIterations: 2.5 }, /maxIterations: 2.5/],
    [{ damping: -1 }, /damping: -1/],
  ])('refuses %j', (options, message) => {
    expect(() => cg(options)).toThrow(message);
  });
});

describe('on named tensors', () => {
  const diagonal = { W: [4, 1, 3, 2], b: [5, 6] };
  let A: LinearOperator<NamedTensors>;
  let b: NamedTensors;
  beforeAll(async () => {
    await tf.setBackend('cpu');
  });
  beforeEach(() => {
    const d = { W: tf.tensor2d(diagonal.W, [2, 2]), b: tf.tensor1d(diagonal.b) };
    A = {
      apply: (v) => ({ W: tf.mul(d.W, v.W!), b: tf.mul(d.b, v.b!) }),
      dispose() {},
    };
    b = { W: tf.tensor2d([4, 2, 9, 8], [2, 2]), b: tf.tensor1d([25, 36]) };
  });
  const flat = (x: NamedTensors) => [...x.W!.dataSync(), ...x.b!.dataSync()];
  const solution = [1, 2, 3, 4, 5, 6];

  it('agrees with the float64 space, and leaks nothing', async () => {
    const before = tf.memory().numTensors;
    const { value, status } = await cg().solve(A, b);
    expect(status).toBe('converged');
    flat(value).forEach((v, i) => {
      expect(v).toBeCloseTo(solution[i]!, 4);
    });
    expect(tf.memory().numTensors).toBe(before + 2);
    tensors.free(value);

    const inTidy = tf.tidy(() => flat(cg().solveSync(A, b).value));
    expect(inTidy[5]).toBeCloseTo(6, 4);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('without a readback: the masks end where reading would have', async () => {
    const before = tf.memory().numTensors;
    const plain = cg({ tolerance: 1e-3 }).solveSync(A, b);
    const rule = { tolerance: 1e-3, maxIterations: 12 };
    const deferred = iterateMasked({ space: tensors, A, b }, conjugateGradients(), rule, undefined);
    const report = await deferred.report();
    expect(report.status).toBe('converged');
    expect(report.iterations).toBe(plain.iterations);
    expect(flat(deferred.value)).toEqual(flat(plain.value));
    tensors.free([deferred.value, plain.value]);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('without a readback: holds the last sound iterate at negative curvature', async () => {
    const indefinite: LinearOperator<NamedTensors> = {
      apply: (v) => ({ W: tf.neg(v.W!), b: tf.mul(10, v.b!) }),
      dispose() {},
    };
    const rule = { tolerance: 1e-6, maxIterations: 8 };
    const deferred = iterateMasked(
      { space: tensors, A: indefinite, b },
      conjugateGradients(),
      rule,
      undefined,
    );
    expect((await deferred.report()).status).toBe('negative-curvature');
    expect(flat(deferred.value).every(Number.isFinite)).toBe(true);
  });

  it('without a readback: a start with a NaN is not taken, nor any start for b = 0', async () => {
    const rule = { tolerance: 1e-3, maxIterations: 12 };
    const run = (right: NamedTensors, entry: number) =>
      iterateMasked({ space: tensors, A, b: right }, conjugateGradients(), rule, {
        W: tf.fill([2, 2], entry),
        b: tf.zeros([2]),
      });
    const fromNaN = run(b, Number.NaN);
    expect((await fromNaN.report()).status).toBe('converged');
    flat(fromNaN.value).forEach((v, i) => {
      expect(v).toBeCloseTo(solution[i]!, 1);
    });
    const zero = run({ W: tf.zeros([2, 2]), b: tf.zeros([2]) }, 1);
    expect(flat(zero.value)).toEqual([0, 0, 0, 0, 0, 0]);
    expect(await zero.report()).toEqual({ iterations: 0, residualNorm: 0, status: 'converged' });
  });

  it('leaks nothing where it starts again, and where that is in vain', async () => {
    const spectrum = tf.tensor1d(Array.from({ length: 30 }, (_, i) => 10 ** (-i / 5)));
    const hard: LinearOperator<NamedTensors> = {
      apply: ({ x }) => ({ x: tf.mul(spectrum, x!) }),
      dispose() {},
    };
    let products = 0;
    const fickle: LinearOperator<NamedTensors> = {
      apply: ({ x }) => ({ x: tf.mul(spectrum, tf.mul(x!, 1 + 1e-3 * (products++ % 2))) }),
      dispose() {},
    };
    const right = { x: tf.tensor1d([...randomVector(30, 5)]) };
    const start = { x: tf.tensor1d([...randomVector(30, 6)]) };
    const before = tf.memory().numTensors;
    for (const operator of [hard, fickle]) {
      for (const options of [{}, { start }]) {
        const solver = cg({ tolerance: 1e-7, maxIterations: 300 });
        const { value, status } = await solver.solve(operator, right, options);
        expect(status).toBe('max-iterations');
        tensors.free(value);
        expect(tf.memory().numTensors).toBe(before);
      }
    }
    expect(start.x.isDisposed).toBe(false);
  });

  it('goes back to what was verified when a later pass is worse, and leaks nothing', async () => {
    let products = 0;
    const exact = tf.tensor1d([1, 2]);
    const fickle: LinearOperator<NamedTensors> = {
      apply({ x }) {
        products += 1;
        // Two steps, a check that finds 1 % missing, a new beginning, two steps, a check gone wrong.
        const factor = products === 3 || products === 4 ? 1.01 : products === 7 ? -5 : 1;
        return { x: tf.mul(exact, tf.mul(x!, factor)) };
      },
      dispose() {},
    };
    const right = { x: tf.tensor1d([1, 1]) };
    const before = tf.memory().numTensors;
    const { value, status, residualNorm } = await cg().solve(fickle, right);
    expect([products, status]).toEqual([7, 'max-iterations']);
    expect(residualNorm).toBeCloseTo(0.01 * Math.SQRT2, 4);
    expect([...value.x!.dataSync()].map((v) => Math.round(v * 100) / 100)).toEqual([1, 0.5]);
    tensors.free(value);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('without a readback: returns the best iterate, not the last', async () => {
    const spectrum = tf.tensor1d(Array.from({ length: 30 }, (_, i) => 10 ** (-i / 10)));
    const hard: LinearOperator<NamedTensors> = {
      apply: ({ x }) => ({ x: tf.mul(spectrum, x!) }),
      dispose() {},
    };
    const right = { x: tf.tensor1d([...randomVector(30, 5)]) };
    let least = Number.POSITIVE_INFINITY;
    for (let maxIterations = 1; maxIterations < 25; maxIterations++) {
      const rule = { tolerance: 0, maxIterations };
      const system = { space: tensors, A: hard, b: right };
      const { residualNorm } = await iterateMasked(
        system,
        conjugateGradients(),
        rule,
        undefined,
      ).report();
      expect(residualNorm).toBeLessThanOrEqual(least * 1.001);
      least = Math.min(least, residualNorm);
    }
  });

  it('frees what it holds when a product throws, and refuses a start that does not fit', async () => {
    let calls = 0;
    const failing: LinearOperator<NamedTensors> = {
      apply(v) {
        if (++calls === 2) throw new Error('lost');
        return A.apply(v);
      },
      dispose() {},
    };
    const before = tf.memory().numTensors;
    await expect(cg().solve(failing, b)).rejects.toThrow('lost');
    expect(tf.memory().numTensors).toBe(before);
    const start = { W: tf.zeros([2, 2]) };
    await expect(cg().solve(A, b, { start })).rejects.toThrow(/Add 'b', which is missing/);
  });
});
