import type { LinearSolver } from '../../solvers';
import { float64, type LinearOperator } from '../../spaces';
import { differences, givenRows, type Jacobian, largestOf, typicalSizes } from './jacobian';
import type { RightHandSide } from './ode';
import { solution, type Work } from './work';

/** `x = y + h f(x, t)`. */
export interface ImplicitEquation {
  f: RightHandSide;
  y: Float64Array;
  t: number;
  h: number;
}

export interface NewtonOptions {
  jacobian?: Jacobian;
  solver: LinearSolver;
  tolerance: number;
  maxIterations: number;
  /** Below which a component does not matter. */
  floor?: number;
}

export interface NewtonWork {
  newtonIterations: number;
  products: number;
}

/** Where steps do not shrink further, by rounding, they are small enough below this. */
const ROUNDED = 1e-5;

/**
 * The solution of `x = y + h f(x, t)` by Newton's method from y; undefined if it does not converge.
 *
 * It has converged with a step that changes each component by less than `tolerance` of its typical
 * size. Whole steps first: on stiff kinetics they pass through large residuals to the solution.
 * Where they run away, once more with steps halved until the residual falls.
 */
export function* solveImplicit(
  equation: ImplicitEquation,
  options: NewtonOptions,
  work: NewtonWork,
): Work<Float64Array | undefined> {
  return (
    (yield* newton(equation, options, work, Number.POSITIVE_INFINITY)) ??
    (yield* newton(equation, options, work, 1))
  );
}

/** Newton's method with steps that multiply the residual by less than `growth`. */
function* newton(
  { f, y, t, h }: ImplicitEquation,
  { jacobian, solver, tolerance, maxIterations, floor }: NewtonOptions,
  work: NewtonWork,
  growth: number,
): Work<Float64Array | undefined> {
  const at = (x: Float64Array) => {
    const slope = f(x, t);
    const residual = x.map((value, i) => y[i]! + h * slope[i]! - value);
    return { x, slope, residual, size: float64.norm(residual) };
  };
  let point = at(y);
  const change = float64.scale(h, point.slope);
  let before = Number.POSITIVE_INFINITY;
  for (let k = 0; k < maxIterations && Number.isFinite(point.size); k++) {
    const { x, slope, residual, size } = point;
    if (size === 0) return x;
    const sizes = typicalSizes(y, x, change, floor);
    const J = jacobian
      ? matrixProduct(givenRows(jacobian, x, t))
      : differences(f, x, t, slope, sizes);
    const A: LinearOperator<Float64Array> = {
      apply: (v) => float64.axpy(-h, J(v), v),
      dispose() {},
    };
    const { value, iterations, residualNorm } = yield* solution({
      solver,
      A,
      b: residual,
    });
    work.newtonIterations += 1;
    work.products += iterations;
    // A direction that leaves half of the residual, as after negative curvature, leads nowhere.
    if (!(residualNorm <= size / 2)) return undefined;

    const whole = float64.axpy(1, value, x);
    const moved = furthest(value, typicalSizes(y, whole, change, floor));
    if (moved <= tolerance) return whole;
    if (moved >= before / 2 && isRounding(value, whole, sizes)) return whole;
    before = moved;
    point = at(whole);
    for (let part = 1 / 2; !(point.size < growth * size); part /= 2) {
      if (part < 1e-3) return undefined;
      point = at(float64.axpy(part, value, x));
    }
  }
  return undefined;
}

/** The largest component in units of its size. */
export function furthest(step: Float64Array, sizes: Float64Array): number {
  return step.reduce((most, value, i) => {
    return value === 0 ? most : Math.max(most, Math.abs(value) / sizes[i]!);
  }, 0);
}

/** Whether a step is as small as rounding may leave it: in its component, or relative to the others. */
function isRounding(step: Float64Array, x: Float64Array, sizes: Float64Array): boolean {
  const largest = largestOf(x);
  return step.every(
    (value, i) => Math.abs(value) <= Math.max(ROUNDED * sizes[i]!, 100 * Number.EPSILON * largest),
  );
}

function matrixProduct(rows: ArrayLike<number>[]) {
  return (v: Float64Array) =>
    Float64Array.from(rows, (row) => v.reduce((sum, value, j) => sum + row[j]! * value, 0));
}
