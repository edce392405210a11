import { describe, expect, it } from 'vitest';
import { adam } from '../methods/adam';
import { chebyshev } from '../methods/chebyshev';
import { gradientDescent } from '../methods/gradient-descent';
import { heavyBall } from '../methods/heavy-ball';
import type { Method } from '../methods/method';
import { nesterov } from '../methods/nesterov';
import { sobolev } from '../methods/sobolev';
import { gram, random } from '../numbers';
import { affineBlocksOf } from '../problems';
import { quadratic } from '../problems/solved/quadratic';
import { unroll } from './unroll';

const methods: Method[] = [
  gradientDescent({ step: '2/(L+mu)' }),
  heavyBall(),
  nesterov(),
  nesterov({ tuning: 'quadratic' }),
  chebyshev(),
  sobolev(),
  adam(0.05, { beta2: 0.9, epsilon: 0.1 }),
];

function problemOf(n: number, h: number) {
  const draw = random(n);
  const square = () => gram(Array.from({ length: 2 * n }, () => draw.normals(n)));
  const normals = () => Array.from({ length: h }, () => draw.normals(n));
  const [H, b, dH, db] = [square(), draw.normals(n), Array.from({ length: h }, square), normals()];
  return quadratic({
    theta: new Float64Array(h),
    hessian: () => H,
    linear: () => b,
    dHessian: () => dH,
    dLinear: () => db,
    start: draw.normals(n),
    startJacobian: normals(),
  });
}

/** The same problem by functions that are not known to be those of a quadratic. */
const unknown = (problem: ReturnType<typeof problemOf>) => ({
  ...problem,
  innerGradient: (x: Float64Array, theta: Float64Array) => problem.innerGradient(x, theta),
});

describe.each([
  [24, 2],
  [25, 3],
  [31, 1],
])('unrolled in memory, %i unknowns and %i parameters', (n, h) => {
  const problem = problemOf(n, h);

  it.each(methods.map((method) => [JSON.stringify(method), method] as const))(
    '%s has the bits of float64 vectors',
    (_, method) => {
      for (const from of [0, 4]) {
        const options = { steps: 30, from };
        const found = unroll(method, problem, options);
        const wanted = unroll(method, unknown(problem), options);
        expect(found.iterates).toEqual(wanted.iterates);
        expect(found.jacobians).toEqual(wanted.jacobians);
      }
    },
  );

  it('is where it says: with derivatives of its own a problem is another one', () => {
    expect(affineBlocksOf(problem)).toBeDefined();
    expect(affineBlocksOf(unknown(problem))).toBeUndefined();
    const innerMixed: typeof problem.innerMixed = (x, theta) => problem.innerMixed(x, theta);
    expect(affineBlocksOf({ ...problem, innerMixed })).toBeUndefined();
  });
});

it('more steps than one array holds, and a run after another one', () => {
  const [small, large] = [problemOf(24, 2), problemOf(100, 10)];
  const options = { steps: 130 };
  const found = unroll(chebyshev(), large, options);
  unroll(heavyBall(), small, options);
  const wanted = unroll(chebyshev(), unknown(large), options);
  expect(found.jacobians).toEqual(wanted.jacobians);
  expect(unroll(chebyshev(), large, options).jacobians).toEqual(wanted.jacobians);
});

it('a run that diverges has infinities and NaN where float64 vectors have them', () => {
  const problem = problemOf(25, 1);
  const options = { steps: 400 };
  const found = unroll(gradientDescent(1e3), problem, options);
  expect(Number.isFinite(found.iterates[400]![0])).toBe(false);
  const wanted = unroll(gradientDescent(1e3), unknown(problem), options);
  expect(found.iterates).toEqual(wanted.iterates);
  expect(found.jacobians).toEqual(wanted.jacobians);
});
