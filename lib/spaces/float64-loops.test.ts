import { expect, it } from 'vitest';
import { random } from '../numbers';
import { cg, neumann } from '../solvers';
import { float64Loops } from './float64-loops';
import type { LinearOperator } from './operator';

/** A symmetric matrix of order 12; with a shift below 0 it is indefinite. */
function matrix(shift: number) {
  const [n, draw] = [12, random(3)];
  const X = Array.from({ length: 20 }, () => draw.normals(n));
  const multiply = (v: Float64Array, out: Float64Array) => {
    for (let j = 0; j < n; j++) out[j] = shift * v[j]!;
    for (const x of X) {
      let sum = 0;
      for (let j = 0; j < n; j++) sum += x[j]! * v[j]!;
      for (let j = 0; j < n; j++) out[j]! += (x[j]! * sum) / 20;
    }
  };
  const single: LinearOperator<Float64Array> = {
    apply(v) {
      const out = new Float64Array(n);
      multiply(v, out);
      return out;
    },
    dispose() {},
  };
  return { single, many: { ...single, loops: float64Loops(multiply) }, b: draw.normals(n) };
}

const solvers = [
  cg({ tolerance: 1e-10 }),
  cg({ tolerance: 0, maxIterations: 5 }),
  cg({ tolerance: 0, maxIterations: 5, best: 'energy' }),
  cg({ tolerance: 1e-8, damping: 0.2 }),
  cg({ tolerance: 1e-16, maxIterations: 60 }),
  neumann({ terms: 30, scale: 0.3 }),
  neumann({ terms: 30, scale: 0.3, damping: 0.1 }),
  neumann({ terms: 200, scale: 0.3, tolerance: 1e-3 }),
  neumann({ terms: 30, scale: 3 }),
];

it.each([0.1, -0.5])(
  'iterations in one call are to the last bit those one by one, shifted by %s',
  async (shift) => {
    for (const solver of solvers) {
      const { single, many, b } = matrix(shift);
      for (const A of [single, { ...single, floor: 0.3 }]) {
        const start = b.map((value) => value / 3);
        for (const options of [{}, { start }, { verify: false }, { residual: false }]) {
          const given = { ...many, ...('floor' in A && { floor: A.floor }) };
          const wanted = await solver.solve(A, b, options);
          expect(await solver.solve(given, b, options)).toEqual(wanted);
        }
      }
    }
  },
);

it('an iteration that would be rejected leaves the state as it was', () => {
  const { many, b } = matrix(-0.5);
  const state = {
    x: new Float64Array(12),
    r: b.slice(),
    p: b.slice(),
    rho: b.reduce((s, v) => s + v * v, 0),
  };
  const stop = {
    count: 50,
    goal: 0,
    limit: 1e30,
    growth: Infinity,
    least: state.rho,
    best: state.rho,
  };
  const { taken } = many.loops.conjugateGradients(state, stop);
  expect(taken).toBeGreaterThan(0);
  expect(taken).toBeLessThan(50);
  const before = structuredClone(state);
  expect(many.loops.conjugateGradients({ ...state, rho: 1 }, { ...stop, limit: 0 }).taken).toBe(0);
  expect(state).toEqual(before);
});
