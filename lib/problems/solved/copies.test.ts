import { describe, expect, it } from 'vitest';
import { InputError, NotFiniteError, ShapeError } from '../../errors';
import {
  bilevelLogistic,
  bilevelRidge,
  logisticRegression,
  quadratic,
  type RegressionOptions,
  ridgeRegression,
} from '..';

const one = () => Float64Array.of(1, 2);

describe('what a solved problem is made of may change later', () => {
  it('quadratic', () => {
    const [theta, start, b, H] = [
      one(),
      one(),
      one(),
      [Float64Array.of(2, 0), Float64Array.of(0, 4)],
    ];
    const column = one();
    const problem = quadratic({
      theta,
      start,
      startJacobian: [column, one()],
      hessian: () => H,
      linear: () => b,
    });
    const slope = () => problem.innerGradient(Float64Array.of(1, 1), problem.theta);
    const before = slope();
    for (const array of [theta, start, b, column, ...H]) array.fill(9);
    expect(slope()).toEqual(before);
    expect([problem.theta, problem.start.x, problem.start.jacobian[0]]).toEqual([
      one(),
      one(),
      one(),
    ]);
    // At another θ its functions are asked.
    expect(problem.innerGradient(one(), Float64Array.of(3, 3))).not.toEqual(before);
  });

  it.each([ridgeRegression, logisticRegression])('%o', (make) => {
    const options = {
      X: [one(), Float64Array.of(-1, 1)],
      y: Float64Array.of(0, 1),
      lambda: 0.3,
      start: one(),
    };
    const problem = make(options);
    const { solution, theta } = problem;
    for (const array of [...options.X, options.y, options.start]) array.fill(9);
    expect(Math.hypot(...problem.innerGradient(solution.x, theta))).toBeLessThan(1e-12);
    expect(problem.start.x).toEqual(one());
  });
});

describe.each(['shared', 'per-weight'] as const)('derivatives at w and λ, one λ: %s', (penalty) => {
  it.each([bilevelRidge, bilevelLogistic])(
    'stay what they are when the arrays change: %o',
    (make) => {
      const samples = { X: [one(), Float64Array.of(-1, 1)], y: Float64Array.of(0, 1) };
      const problem = make({ train: samples, validation: samples }, { penalty });
      const [w, λ] = [one(), penalty === 'shared' ? Float64Array.of(0.3) : one()];
      const [H, B] = [problem.innerHessian(w, λ), problem.innerMixed(w, λ)];
      const products = () => [
        H.apply(one()),
        B.vjp(one()),
        B.jvp(Float64Array.of(1, 3).subarray(0, λ.length)),
      ];
      const before = products();
      w.fill(9);
      λ.fill(9);
      expect(products()).toEqual(before);
    },
  );
});

it.each<[object, new (...given: never[]) => Error]>([
  [{ start: Float64Array.of(1) }, ShapeError],
  [{ start: Float64Array.of(1, Number.NaN) }, NotFiniteError],
  [{ spectrum: { mu: -1, L: 2 } }, InputError],
  [{ spectrum: { mu: 1, l: 2 } }, InputError],
  [{ spectrum: 3 }, InputError],
])('%o is refused where a solved problem is made', (wrong, kind) => {
  const data = { X: [one(), one()], y: Float64Array.of(0, 1), lambda: 1 };
  for (const make of [ridgeRegression, logisticRegression]) {
    expect(() => make({ ...data, ...wrong } as RegressionOptions)).toThrow(kind);
  }
});
