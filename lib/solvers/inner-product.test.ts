import { describe, expect, it } from 'vitest';
import { random } from '../numbers';
import { float64, type LinearOperator, shifted } from '../spaces';
import {
  cg,
  dense,
  fixedPoint,
  gmres,
  minres,
  neumann,
  solverFromRecord,
  supportsInnerProduct,
} from '.';

const n = 12;
const draw = random(4);
const G = Array.from({ length: n }, () => draw.normals(n));
const multiply = (v: Float64Array) => Float64Array.from(G, (row) => float64.dot(row, v));
const transposed = (v: Float64Array) =>
  G.reduce((sum, row, i) => float64.axpy(v[i]!, row, sum), new Float64Array(n));
/** `K = GᵀG / n + I`, positive definite. */
const K = (v: Float64Array) => float64.axpy(1 / n, transposed(multiply(v)), v);
const D = (v: Float64Array) => v.map((value, i) => value * (0.1 + (i / n) ** 3));

/** `I + D K`: symmetric in the inner product ⟨x, K y⟩, and in no simpler one. */
const A: LinearOperator<Float64Array> = {
  apply: (v) => float64.axpy(1, D(K(v)), v),
  space: { ...float64, dot: (x: Float64Array, y: Float64Array) => float64.dot(x, K(y)) } as never,
  dispose() {},
};
const b = draw.normals(n);
const residual = (x: Float64Array) =>
  Math.sqrt(float64.dot(...twice(float64.subtract(b, A.apply(x)))));
const twice = <T>(x: T): [T, T] => [x, x];

describe('an operator symmetric in an inner product of its own', () => {
  const solvers = [
    cg({ tolerance: 1e-10 }),
    minres({ tolerance: 1e-10 }),
    gmres({ tolerance: 1e-10 }),
    neumann({ terms: 2000, scale: 0.2 } as never),
  ];
  it.each(solvers.map((solver) => [solver.name, solver] as const))(
    'is inverted by %s, whose residual is measured in it',
    async (_, solver) => {
      expect(supportsInnerProduct(solver)).toBe(true);
      const { value, residualNorm } = await solver.solve(A, b);
      const r = float64.subtract(b, A.apply(value));
      expect(residual(value)).toBeLessThan(1e-8);
      expect(residualNorm).toBeCloseTo(Math.sqrt(float64.dot(r, K(r))), 12);
    },
  );

  it('takes CG as many iterations as it has dimensions, and no more', async () => {
    const { iterations } = await cg({ tolerance: 1e-10 }).solve(A, b);
    expect(iterations).toBeLessThanOrEqual(n);
    const { space, ...blind } = A;
    const lost = await cg({ tolerance: 1e-10, maxIterations: n }).solve(blind, b);
    expect(lost.status).not.toBe('converged');
  });

  it('is heeded with damping too', async () => {
    const solver = cg({ tolerance: 1e-10, damping: 0.5 });
    const { value, iterations } = await solver.solve(A, b);
    expect(iterations).toBeLessThanOrEqual(n);
    expect(shifted(float64, A, 0.5).space).toBe(A.space);
    const r = float64.subtract(b, float64.axpy(0.5, value, A.apply(value)));
    expect(Math.sqrt(float64.dot(r, r))).toBeLessThan(1e-8);
  });
});

it('a solver that builds matrices, or has a preconditioner, is known not to heed it', () => {
  expect(supportsInnerProduct(dense())).toBe(false);
  expect(supportsInnerProduct(fixedPoint())).toBe(true);
  const preconditioner = { apply: (v: never) => v, dispose() {} };
  expect(supportsInnerProduct(cg({ preconditioner }))).toBe(false);
  expect(supportsInnerProduct(solverFromRecord({ ...cg() }))).toBe(true);
});
