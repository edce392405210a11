import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { cholesky, eigenSymmetric, lu, random, type SquareMatrix } from '../numbers';
import { float64, type LinearOperator, type NamedTensors, tensors } from '../spaces';
import { cg, dense, lowRank, nystrom, solverFromRecord, woodbury } from '.';

const norm = (x: Float64Array) => Math.hypot(...x);
const matrix = (size: number, entry: (i: number, j: number) => number): SquareMatrix => ({
  size,
  entries: Float64Array.from({ length: size * size }, (_, k) =>
    entry(Math.floor(k / size), k % size),
  ),
});
const times = ({ size, entries }: SquareMatrix, x: Float64Array) =>
  Float64Array.from({ length: size }, (_, i) =>
    float64.dot(entries.subarray(i * size, (i + 1) * size), x),
  );
const operator = (A: SquareMatrix): LinearOperator<Float64Array> => ({
  apply: (v) => times(A, v),
  dispose() {},
});
const gram = (rows: Float64Array[], size: number, ridge = 0) =>
  matrix(size, (i, j) => rows.reduce((sum, g) => sum + g[i]! * g[j]!, i === j ? ridge : 0));
const randomRows = (count: number, size: number, seed: number) => {
  const draw = random(seed);
  return Array.from({ length: count }, () => draw.normals(size));
};

beforeAll(async () => {
  await tf.setBackend('cpu');
});
afterEach(() => {
  vi.restoreAllMocks();
});

describe('factorizations', () => {
  it.each([1, 2, 3])('agree with each other and with the product, seed %i', (seed) => {
    const A = gram(randomRows(20, 15, seed), 15, 0.1);
    const x = random(seed + 10).normals(15);
    const b = times(A, x);
    for (const solve of [cholesky(A, 1e-15)!, lu(A, 1e-15)]) {
      expect(norm(float64.subtract(solve(b), x))).toBeLessThan(1e-11 * norm(x));
    }
  });

  it('know the inverse of the Hilbert matrix', () => {
    const hilbert = matrix(4, (i, j) => 1 / (i + j + 1));
    const column = [16, -120, 240, -140];
    for (const solve of [cholesky(hilbert, 1e-15)!, lu(hilbert, 1e-15)]) {
      const x = solve(Float64Array.of(1, 0, 0, 0));
      column.forEach((value, i) => {
        expect(x[i]).toBeCloseTo(value, 8);
      });
    }
  });

  it('refuse to call an indefinite or a singular matrix positive definite', () => {
    expect(
      cholesky(
        matrix(2, (i, j) => (i === j ? 1 : 2)),
        1e-15,
      ),
    ).toBeUndefined();
    expect(
      cholesky(
        matrix(2, () => 1),
        1e-15,
      ),
    ).toBeUndefined();
  });

  it('set the unknowns that a singular matrix leaves free to zero', () => {
    const solve = lu(
      matrix(3, (i, j) => (i < 2 && j < 2 ? [2, 1, 1, 3][2 * i + j]! : 0)),
      1e-15,
    );
    expect([...solve(Float64Array.of(3, 4, 0))].map((v) => Math.round(v * 1e12) / 1e12)).toEqual([
      1, 1, 0,
    ]);
  });

  it('do not divide by what rounding leaves of a pivot', () => {
    for (const seed of [1, 2, 3]) {
      const A = gram(randomRows(3, 8, seed), 8);
      const x = random(seed + 30).normals(8);
      const solution = lu(A, 8 * Number.EPSILON)(times(A, x));
      expect(norm(float64.subtract(times(A, solution), times(A, x)))).toBeLessThan(1e-11);
      expect(norm(solution)).toBeLessThan(100);
      expect(solution.filter((value) => value === 0).length).toBe(5);
    }
  });

  it('find the eigenvalues of the second difference, and orthonormal vectors', () => {
    const n = 12;
    const A = matrix(n, (i, j) => (i === j ? 2 : Math.abs(i - j) === 1 ? -1 : 0));
    const { values, vectors } = eigenSymmetric(A);
    values.forEach((value, k) => {
      expect(value).toBeCloseTo(2 - 2 * Math.cos(((k + 1) * Math.PI) / (n + 1)), 12);
      const v = vectors[k]!;
      expect(norm(float64.axpy(-value, v, times(A, v)))).toBeLessThan(1e-13);
      vectors.forEach((u, l) => {
        expect(float64.dot(u, v)).toBeCloseTo(k === l ? 1 : 0, 12);
      });
    });
  });
});

describe('dense', () => {
  it('is exact where iterations are not: the Hilbert matrix of order 10', () => {
    const A = matrix(10, (i, j) => 1 / (i + j + 1));
    const b = random(2).normals(10);
    const { status, iterations } = dense({ tolerance: 1e-3 }).solveSync(operator(A), b);
    expect([status, iterations]).toEqual(['converged', 10]);
  });

  it('adds its damping to the matrix', async () => {
    const A = gram(randomRows(3, 8, 1), 8);
    const x = random(3).normals(8);
    const b = float64.axpy(0.5, x, times(A, x));
    const { value } = await dense({ damping: 0.5 }).solve(operator(A), b);
    expect(norm(float64.subtract(value, x))).toBeLessThan(1e-12);
  });

  it('refuses a system above its limit, and a NaN in b, and passes no NaN on', () => {
    const A = operator(matrix(5, (i, j) => (i === j ? 1 : 0)));
    const b = new Float64Array(5).fill(1);
    expect(() => dense({ limit: 4 }).solveSync(A, b)).toThrow(/5 unknowns/);
    expect(() =>
      dense().solveSync(
        A,
        b.map(() => Number.NaN),
      ),
    ).toThrow(/right-hand side/);
    const poisoned = { apply: (v: Float64Array) => v.map(() => Number.NaN), dispose() {} };
    const { value, status } = dense().solveSync(poisoned, b);
    expect([[...value], status]).toEqual([[0, 0, 0, 0, 0], 'diverged']);
  });

  it('on a GPU says what else to take in a step, and works where it can be waited for', async () => {
    const A: LinearOperator<NamedTensors> = {
      apply: ({ x }) => ({ x: tf.mul(x!, tf.tensor1d([1, 2])) }),
      dispose() {},
    };
    const b = { x: tf.tensor1d([1, 1]) };
    vi.spyOn(tensors, 'readableNow').mockReturnValue(false);
    expect(() => dense().solveDeferred(A, b)).toThrow(/cg or minres.*await dense\(\)\.solve/);
    expect(() => dense().solveSync(A, b)).toThrow(/await solver\.solve/);
    const { value } = await dense().solve(A, b);
    expect([...(await value.x!.data())]).toEqual([1, 0.5]);
  });
});

describe('woodbury', () => {
  const n = 30;
  const m = 6;
  const rows = randomRows(m, n, 4);
  const spread = randomRows(4, m, 5);
  const middle = gram(spread, m);
  const parts = {
    diagonal: 0.7,
    jvp: (v: Float64Array) => Float64Array.from(rows, (row) => float64.dot(row, v)),
    vjp: (u: Float64Array) =>
      rows.reduce((sum, row, i) => float64.axpy(u[i]!, row, sum), float64.zeros(b)),
    outputs: new Float64Array(m),
  };
  const b = random(6).normals(n);

  it.each([
    ['the identity', undefined],
    ['a singular S', (u: Float64Array) => times(middle, u)],
  ])('agrees with the dense solve, with %s in the middle', async (_, S) => {
    const A = lowRank(S ? { ...parts, middle: S } : parts);
    const { value, status, iterations } = await woodbury({ damping: 0.1 }).solve(A, b);
    const truth = dense({ damping: 0.1 }).solveSync(A, b).value;
    expect([status, iterations]).toEqual(['converged', m]);
    expect(norm(float64.subtract(value, truth))).toBeLessThan(1e-12);
    expect(
      norm(float64.subtract(value, cg({ damping: 0.1, tolerance: 1e-12 }).solveSync(A, b).value)),
    ).toBeLessThan(1e-9);
  });

  it('runs on named tensors whose outputs have a shape of their own, and leaks nothing', async () => {
    const X = tf.tensor2d([
      [1, 2, 3],
      [0, 1, -1],
    ]);
    const A = lowRank({
      diagonal: 1,
      jvp: (v: NamedTensors) => ({ z: tf.matMul(X, v.W!) }),
      vjp: (u: NamedTensors) => ({ W: tf.matMul(X, u.z!, true) }),
      middle: (u: NamedTensors) => ({ z: tf.mul(u.z!, 0.5) }),
      outputs: { z: tf.zeros([2, 2]) } as NamedTensors,
    });
    const right: NamedTensors = { W: tf.tensor2d([1, 2, 3, 4, 5, 6], [3, 2]) };
    const before = tf.memory().numTensors;
    const { value, status } = await woodbury({ tolerance: 1e-5 }).solve(A, right);
    expect(status).toBe('converged');
    const truth = await dense({ tolerance: 1e-5 }).solve(A, right);
    const [got, wanted] = [value.W!.dataSync(), truth.value.W!.dataSync()];
    got.forEach((entry, i) => {
      expect(entry).toBeCloseTo(wanted[i]!, 5);
    });
    tf.dispose([value, truth.value]);
    tf.tidy(() => {
      woodbury().solveSync(A, right);
    });
    expect(tf.memory().numTensors).toBe(before);
  });

  it('refuses an operator without parts, and a diagonal that is not positive', () => {
    expect(() => woodbury().solveSync(operator(middle), new Float64Array(m).fill(1))).toThrow(
      /lowRank/,
    );
    expect(() => lowRank({ ...parts, diagonal: 0 })).toThrow(/diagonal: 0/);
    const { outputs: _, ...rest } = parts;
    expect(() => lowRank(rest as typeof parts)).toThrow(/undefined as the outputs of lowRank/);
    expect(() => lowRank({ ...parts, midle: (u: Float64Array) => u } as typeof parts)).toThrow(
      /'midle'/,
    );
  });
});

describe('nystrom', () => {
  const n = 60;
  const spectrum = Float64Array.from({ length: n }, (_, i) => 10 ** (4 - i / 3) + 1e-6);
  const basis = eigenSymmetric(gram(randomRows(n, n, 8), n)).vectors;
  const A: LinearOperator<Float64Array> = {
    apply: (v) =>
      basis.reduce(
        (sum, u, k) => float64.axpy(spectrum[k]! * float64.dot(u, v), u, sum),
        float64.zeros(v),
      ),
    dispose() {},
  };
  const b = random(9).normals(n);
  const options = { damping: 1, tolerance: 1e-10, maxIterations: 500 };

  it('spares conjugate gradients most of their iterations, and not the answer', async () => {
    const plain = cg(options).solveSync(A, b);
    const preconditioner = await nystrom(A, b, { rank: 15, seed: 1, damping: 1 });
    const helped = cg({ ...options, preconditioner }).solveSync(A, b);
    expect(helped.status).toBe('converged');
    expect(helped.iterations).toBeLessThan(plain.iterations / 3);
    expect(norm(float64.subtract(helped.value, plain.value))).toBeLessThan(
      1e-8 * norm(plain.value),
    );
  });

  it('is the inverse itself at full rank', async () => {
    const M = await nystrom(A, b, { rank: n, damping: 1 });
    const x = M.apply(float64.axpy(1, b, A.apply(b)));
    expect(norm(float64.subtract(x, b))).toBeLessThan(1e-6 * norm(b));
  });

  it('is symmetric and positive definite, and the same for the same seed', async () => {
    const M = await nystrom(A, b, { rank: 10, seed: 3, damping: 0.1 });
    const again = await nystrom(A, b, { rank: 10, seed: 3, damping: 0.1 });
    const c = random(12).normals(n);
    expect(float64.dot(c, M.apply(b)) / float64.dot(b, M.apply(c))).toBeCloseTo(1, 8);
    expect(float64.dot(c, M.apply(c))).toBeGreaterThan(0);
    expect(again.apply(b)).toEqual(M.apply(b));
  });

  it('copes with a rank above that of A', async () => {
    const low = operator(gram(randomRows(3, 20, 2), 20));
    const right = random(1).normals(20);
    const M = await nystrom(low, right, { rank: 10, damping: 0.01 });
    const solved = cg({ damping: 0.01, tolerance: 1e-10, preconditioner: M }).solveSync(low, right);
    expect(solved.status).toBe('converged');
    expect(solved.iterations).toBeLessThan(6);
  });

  it('refuses an indefinite operator', async () => {
    const indefinite = {
      apply: (v: Float64Array) => v.map((x, i) => (i % 2 ? x : -x)),
      dispose() {},
    };
    await expect(nystrom(indefinite, b, { rank: 5 })).rejects.toThrow(/positive semidefinite/);
    await expect(nystrom(A, b, { rank: 0 })).rejects.toThrow(/rank: 0/);
  });

  it('works on tensors, where it owns what it holds', async () => {
    const d = tf.tensor1d(Array.from({ length: 40 }, (_, i) => 100 * 0.5 ** i));
    const operatorOnTensors: LinearOperator<NamedTensors> = {
      apply: ({ x }) => ({ x: tf.mul(d, x!) }),
      dispose() {},
    };
    const right = { x: tf.tensor1d([...random(4).normals(40)]) };
    const before = tf.memory().numTensors;
    const M = await nystrom(operatorOnTensors, right, { rank: 8, damping: 0.1 });
    const limits = { damping: 0.1, tolerance: 1e-4 };
    const plain = await cg(limits).solve(operatorOnTensors, right);
    const helped = await cg({ ...limits, preconditioner: M }).solve(operatorOnTensors, right);
    expect(helped.status).toBe('converged');
    expect(helped.iterations).toBeLessThan(plain.iterations);
    tensors.free([plain.value, helped.value]);
    M.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe('solverFromRecord', () => {
  it.each([
    { name: 'cg', tolerance: 1e-3, maxIterations: 7, damping: 0.1 },
    { name: 'cgNormal', tolerance: 1e-3, maxIterations: 7, damping: 0.1 },
    { name: 'minres', tolerance: 1e-3, maxIterations: 7, damping: 0.1 },
    { name: 'gmres', tolerance: 1e-3, maxIterations: 7, restart: 3, damping: 0.1 },
    { name: 'neumann', terms: 5, scale: 'auto', tolerance: 0, damping: 0.1 },
    { name: 'fixedPoint', tolerance: 1e-3, maxIterations: 7 },
    { name: 'dense', tolerance: 1e-3, damping: 0.1, limit: 10 },
    { name: 'woodbury', tolerance: 1e-3, damping: 0.1 },
  ])('restores $name from its own JSON', (record) => {
    const solver = solverFromRecord(record);
    expect(JSON.parse(JSON.stringify(solver))).toEqual(record);
    expect(typeof solver.solveDeferred).toBe('function');
  });

  it.each([
    [{ name: 'lanczos' }, /one of cg, cgNormal, minres/],
    [{ name: 'toString' }, /solver named 'toString'/],
    [{ name: 'cg', tolerence: 1e-3 }, /'tolerence' of cg/],
    [{ name: 'cg', tolerance: -1 }, /tolerance: -1/],
    [{ name: 'cg', preconditioner: {} }, /do not survive JSON/],
  ])('refuses %j', (record, message) => {
    expect(() => solverFromRecord(record)).toThrow(message);
  });
});
