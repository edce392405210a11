import { describe, expect, it } from 'vitest';
import { lu, random } from '../numbers';
import { float64, type LinearOperator } from '../spaces';
import { cgNormal, gmres, minres } from '.';

const times = (A: number[][], x: Float64Array) =>
  Float64Array.from(A, (row) => row.reduce((sum, a, j) => sum + a * x[j]!, 0));
const operator = (A: number[][]): LinearOperator<Float64Array> => ({
  apply: (v) => times(A, v),
  transpose: (v) =>
    times(
      A[0]!.map((_, j) => A.map((row) => row[j]!)),
      v,
    ),
  dispose() {},
});
const norm = (x: Float64Array) => Math.hypot(...x);

function randomMatrix(n: number, seed: number) {
  const draw = random(seed);
  return Array.from({ length: n }, () => [...draw.normals(n)]);
}
const symmetricPart = (A: number[][]) => A.map((row, i) => row.map((a, j) => (a + A[j]![i]!) / 2));

/** The smallest `‖b − A x‖` over span{b, Ab, …, Aᵏ⁻¹b}, by least squares on an orthonormal basis. */
function krylovMinimum(A: number[][], b: Float64Array, k: number) {
  const basis: Float64Array[] = [];
  const images: Float64Array[] = [];
  let v = b;
  for (let i = 0; i < k; i++) {
    for (const u of [...basis, ...basis]) v = float64.axpy(-float64.dot(u, v), u, v);
    v = float64.scale(1 / norm(v), v);
    basis.push(v);
    images.push(times(A, v));
    v = images[i]!;
  }
  const gram = Float64Array.from({ length: k * k }, (_, i) =>
    float64.dot(images[Math.floor(i / k)]!, images[i % k]!),
  );
  const right = Float64Array.from(images, (image) => float64.dot(image, b));
  const weights = lu({ size: k, entries: gram }, 1e-16)(right);
  return norm(images.reduce((r, image, i) => float64.axpy(-weights[i]!, image, r), b));
}

describe.each([1, 2, 3])('seed %i', (seed) => {
  const b = random(seed + 50).normals(12);

  it('gmres minimises the residual over the Krylov space, step by step', () => {
    const A = randomMatrix(12, seed);
    for (let k = 1; k <= 12; k++) {
      const { residualNorm } = gmres({ tolerance: 0, maxIterations: k }).solveSync(operator(A), b);
      expect(Math.abs(residualNorm - krylovMinimum(A, b, k))).toBeLessThan(1e-7 * norm(b));
    }
  });

  it('minres does so for a symmetric, indefinite matrix, with two directions', () => {
    const A = symmetricPart(randomMatrix(12, seed));
    for (let k = 1; k <= 12; k++) {
      const { residualNorm } = minres({ tolerance: 0, maxIterations: k }).solveSync(operator(A), b);
      expect(Math.abs(residualNorm - krylovMinimum(A, b, k))).toBeLessThan(1e-6 * norm(b));
    }
  });

  it('gmres, restarted, never loses what it has gained', () => {
    const A = operator(randomMatrix(12, seed));
    let before = norm(b);
    for (let k = 1; k <= 30; k++) {
      const options = { tolerance: 0, maxIterations: k, restart: 4 };
      const { residualNorm } = gmres(options).solveSync(A, b);
      expect(residualNorm).toBeLessThanOrEqual(before * (1 + 1e-12));
      before = residualNorm;
    }
  });
});

it('gmres takes as many steps as A has distinct eigenvalues', () => {
  const A: LinearOperator<Float64Array> = {
    apply: (v) => v.map((value, i) => [1, -2, 3][i % 3]! * value),
    dispose() {},
  };
  const { iterations, status } = gmres({ tolerance: 1e-12 }).solveSync(A, random(1).normals(30));
  expect([iterations, status]).toEqual([3, 'converged']);
});

describe('without a solution', () => {
  const A = operator([
    [2, 0, 0],
    [0, -1, 0],
    [0, 0, 0],
  ]);
  const b = Float64Array.of(2, 2, 1);

  it.each([minres(), gmres(), cgNormal()])('$name comes to the least squares', (solver) => {
    const { value, status, residualNorm } = solver.solveSync(A, b);
    expect(status).toBe('max-iterations');
    expect(residualNorm).toBeCloseTo(1, 6);
    expect(value[0]).toBeCloseTo(1, 6);
    expect(value[1]).toBeCloseTo(-2, 6);
  });
});

describe.each([1, 2, 3, 4, 5])('of rank 15 in 20 dimensions, seed %i', (seed) => {
  const rows = randomMatrix(20, seed).slice(0, 15);
  const A = operator(
    Array.from({ length: 20 }, (_, i) =>
      Array.from({ length: 20 }, (_, j) =>
        rows.reduce((sum, g, k) => sum + (k % 2 ? 1 : -1) * g[i]! * g[j]!, 0),
      ),
    ),
  );
  const b = random(seed + 20).normals(20);
  /** What of b no A x can reach: its part orthogonal to the rows. */
  let rest = b;
  const basis: Float64Array[] = [];
  for (const row of rows) {
    let q: Float64Array = Float64Array.from(row);
    for (const u of [...basis, ...basis]) q = float64.axpy(-float64.dot(u, q), u, q);
    basis.push(float64.scale(1 / norm(q), q));
  }
  for (const u of [...basis, ...basis]) rest = float64.axpy(-float64.dot(u, rest), u, rest);

  it.each([
    minres({ maxIterations: 400 }),
    gmres({ maxIterations: 400 }),
    cgNormal({ maxIterations: 400 }),
  ])('$name loses nothing of the least squares when it is carried on for long', (solver) => {
    const { status, residualNorm } = solver.solveSync(A, b);
    expect(status).toBe('max-iterations');
    expect(residualNorm / norm(rest)).toBeLessThan(1.01);
  });
});

describe('cgNormal', () => {
  it('needs the true transpose, and says so where it is missing', () => {
    const A = operator(randomMatrix(20, 4));
    const b = random(5).normals(20);
    expect(cgNormal({ tolerance: 1e-8 }).solveSync(A, b).status).toBe('converged');
    const { apply, dispose } = A;
    expect(cgNormal({ tolerance: 1e-8 }).solveSync({ apply, dispose }, b).status).not.toBe(
      'converged',
    );
  });

  it('solves a damped system with both A and Aᵀ damped', () => {
    const A = randomMatrix(10, 6);
    const x = random(7).normals(10);
    const b = float64.axpy(2, x, times(A, x));
    const { value } = cgNormal({ damping: 2, tolerance: 1e-12 }).solveSync(operator(A), b);
    expect(norm(float64.subtract(value, x))).toBeLessThan(1e-10);
  });
});

it.each([
  [() => gmres({ restart: 0 }), /restart: 0/],
  [() => gmres({ maxIterations: -1 }), /maxIterations: -1/],
  [() => minres({ tolerance: 2 }), /tolerance: 2/],
  [() => cgNormal({ maxIterations: 1.5 }), /maxIterations: 1.5/],
])('refuses options out of range: %s', (make, message) => {
  expect(make).toThrow(message);
});
