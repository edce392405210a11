import { InputError, ShapeError } from '../../errors';
import { dense, type LinearSolver } from '../../solvers';
import { float64, type LinearOperator } from '../../spaces';
import {
  checkStart,
  type EulerOptions,
  type RightHandSide,
  type Trajectory,
  type TrajectoryStatus,
} from './ode';

/** The tolerances that an adaptive step is chosen by: `absolute + relative |y_i|` a component. */
export interface ErrorTolerance {
  relative: number;
  absolute: number;
}

export interface BackwardEulerOptions extends EulerOptions {
  /** `∂f/∂y` as rows. By default its products are differences of f, one evaluation each. */
  jacobian?: (y: Float64Array, t: number) => ArrayLike<number>[];
  /**
   * Solves Newton's systems with `I − hJ`. Default `dense()`. For many unknowns `gmres()`, which
   * needs a few products with J instead of one for each; `cg()` only if J is symmetric and has no
   * large positive eigenvalue, as the `−∇²F` of a gradient flow.
   */
  solver?: LinearSolver;
  /** Chooses each step by its error; `step` is then the first one. Default: all steps are `step`. */
  adaptive?: ErrorTolerance;
  /** Newton's iteration ends with a step below this times `1 + ‖y‖`. Default 1e-10. */
  newtonTolerance?: number;
  /** Default 20. */
  maxNewtonIterations?: number;
}

export interface BackwardEulerTrajectory extends Trajectory {
  newtonIterations: number;
  /** The products with `I − hJ`, over all Newton iterations. */
  products: number;
  /** Steps that were computed and given up, as too inaccurate or unsolved. */
  rejected: number;
}

/**
 * Integrates `y' = f(y, t)` by the implicit Euler method, `y⁺ = y + h f(y⁺, t + h)`.
 *
 * On `y' = −λy` a step multiplies by `1/(1 + hλ)`: A-stable and L-stable, whatever h is. The
 * global error is O(h). Each step solves for y⁺ by Newton's method from y. With `adaptive`, the
 * error of a step is half of what y⁺ differs by from the explicit step, `h²y''/2` for small h; the
 * step is repeated if that exceeds the tolerance.
 *
 * When not to use it: problems that are not stiff, where an implicit step buys nothing; solutions
 * that are to be accurate (Radau IIA), or that oscillate without damping: it damps them too. It is
 * the proximal point method when `f = −∇F`.
 *
 * @throws InputError for times, steps or tolerances that lead nowhere; ShapeError for an f or a
 * Jacobian of another size; NotFiniteError for a NaN in y0 or f(y0).
 * @see Hairer & Wanner, Solving Ordinary Differential Equations II, §IV.3 and §IV.8.
 */
export function backwardEuler(
  f: RightHandSide,
  y0: Float64Array,
  options: BackwardEulerOptions,
): BackwardEulerTrajectory {
  checkStart('backwardEuler', f, y0, options);
  const { from = 0, to, step, adaptive, jacobian } = options;
  checkTolerance(adaptive);
  if (jacobian) checkJacobian(jacobian(y0, from), y0.length);
  const work = { evaluations: 0, newtonIterations: 0, products: 0 };
  const counted: RightHandSide = (y, t) => {
    work.evaluations += 1;
    return f(y, t);
  };

  const times = [from];
  const states: Float64Array[] = [y0.slice()];
  const smallest = Number.EPSILON * Math.max(Math.abs(from), Math.abs(to));
  let h = Math.min(step, to - from);
  let rejected = 0;
  let status: TrajectoryStatus = 'finished';
  for (let t = from; t < to; t = times.at(-1)!) {
    // The end is met exactly; a sliver left over by rounding is part of the last step.
    const end = t + h * (1 + 1e-9) >= to ? to : t + h;
    const y = states.at(-1)!;
    const next = implicitStep(counted, y, end, end - t, options, work);
    const error = adaptive && next ? localError(times, states, end, next, counted, adaptive) : 0;
    if (next !== undefined && error <= 1) {
      times.push(end);
      states.push(next);
      if (adaptive) h = (end - t) * stepFactor(error);
      continue;
    }
    rejected += 1;
    h = next === undefined ? (end - t) / 4 : (end - t) * stepFactor(error);
    if (!adaptive || h <= smallest) {
      status = 'unsolved';
      break;
    }
  }
  return { times: Float64Array.from(times), states, status, rejected, ...work };
}

/** How much longer or shorter the next step may be, for a method whose local error is O(h²). */
function stepFactor(error: number): number {
  return Math.min(4, Math.max(0.2, 0.9 / Math.sqrt(error)));
}

/**
 * The y⁺ with `y⁺ = y + h f(y⁺, t)`, by Newton's method from y; undefined if it does not converge.
 *
 * Whole steps first: on stiff kinetics they pass through large residuals to the solution. Where
 * they run away, once more with steps halved until the residual falls.
 */
function implicitStep(
  f: RightHandSide,
  y: Float64Array,
  t: number,
  h: number,
  options: BackwardEulerOptions,
  work: { newtonIterations: number; products: number },
): Float64Array | undefined {
  return (
    newton(f, y, t, h, options, work, Number.POSITIVE_INFINITY) ??
    newton(f, y, t, h, options, work, 1)
  );
}

/** Newton's method with steps that multiply the residual by less than `growth`. */
function newton(
  f: RightHandSide,
  y: Float64Array,
  t: number,
  h: number,
  {
    jacobian,
    solver = dense(),
    newtonTolerance = 1e-10,
    maxNewtonIterations = 20,
  }: BackwardEulerOptions,
  work: { newtonIterations: number; products: number },
  growth: number,
): Float64Array | undefined {
  const at = (x: Float64Array) => {
    const slope = f(x, t);
    const residual = x.map((value, i) => y[i]! + h * slope[i]! - value);
    return { x, slope, residual, size: norm(residual) };
  };
  let point = at(y);
  for (let k = 0; k < maxNewtonIterations && Number.isFinite(point.size); k++) {
    const { x, slope, residual, size } = point;
    const J = jacobian ? matrixProduct(jacobian(x, t)) : differences(f, x, t, slope);
    const A: LinearOperator<Float64Array> = {
      apply: (v) => float64.axpy(-h, J(v), v),
      dispose() {},
    };
    const { value, iterations, residualNorm } = solver.solveSync(A, residual);
    work.newtonIterations += 1;
    work.products += iterations;
    // A direction that leaves half of the residual, as after negative curvature, leads nowhere.
    if (residualNorm > size / 2) return undefined;

    const whole = float64.axpy(1, value, x);
    if (norm(value) <= newtonTolerance * (1 + norm(x))) return whole;
    point = at(whole);
    for (let part = 1 / 2; !(point.size < growth * size); part /= 2) {
      if (part < 1e-3) return undefined;
      point = at(float64.axpy(part, value, x));
    }
  }
  return undefined;
}

function matrixProduct(rows: ArrayLike<number>[]) {
  return (v: Float64Array) =>
    Float64Array.from(rows, (row) => v.reduce((sum, value, j) => sum + row[j]! * value, 0));
}

/** `J v` as a forward difference, its step √ε times the size of y. */
function differences(f: RightHandSide, y: Float64Array, t: number, slope: Float64Array) {
  return (v: Float64Array) => {
    const length = norm(v);
    if (length === 0) return v.slice();
    const epsilon = (Math.sqrt(Number.EPSILON) * (1 + norm(y))) / length;
    const ahead = f(float64.axpy(epsilon, v, y), t);
    return ahead.map((value, i) => (value - slope[i]!) / epsilon);
  };
}

/** The error of the last step in units of the tolerance: at most 1 is good. */
function localError(
  times: number[],
  states: Float64Array[],
  end: number,
  next: Float64Array,
  f: RightHandSide,
  { relative, absolute }: ErrorTolerance,
): number {
  const [t, y] = [times.at(-1)!, states.at(-1)!];
  // The step before was solved for y = y₋ + h₋ f(y, t), so f need not be evaluated again.
  const slope =
    times.length > 1
      ? float64.scale(1 / (t - times.at(-2)!), float64.subtract(y, states.at(-2)!))
      : f(y, t);
  let worst = 0;
  for (let i = 0; i < y.length; i++) {
    const error = Math.abs(next[i]! - y[i]! - (end - t) * slope[i]!) / 2;
    const scale = absolute + relative * Math.max(Math.abs(y[i]!), Math.abs(next[i]!));
    worst = Math.max(worst, error / scale);
  }
  return worst;
}

function checkTolerance(adaptive: ErrorTolerance | undefined) {
  if (!adaptive || (adaptive.relative >= 0 && adaptive.absolute > 0)) return;
  throw new InputError({
    given: `adaptive: ${JSON.stringify(adaptive)}`,
    expected: 'a relative tolerance of at least 0 and a positive absolute one',
    remedy: 'Try { relative: 1e-3, absolute: 1e-6 }.',
  });
}

function checkJacobian(rows: ArrayLike<number>[], count: number) {
  const widths = rows.map((row) => row.length);
  if (rows.length === count && widths.every((width) => width === count)) return;
  throw new ShapeError({
    given: `a Jacobian of ${rows.length} rows, of the lengths ${widths.join(', ')}`,
    expected: `${count} rows of length ${count}`,
    remedy: 'Row i holds the derivatives of component i of f by each component of y.',
  });
}

function norm(x: Float64Array): number {
  return Math.sqrt(float64.dot(x, x));
}
