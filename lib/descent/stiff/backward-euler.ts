import { InputError } from '../../errors';
import { checkCount, checkFunction, checkNoMore, checkOptionNames, shown } from '../../options';
import { checkSolver, dense, type LinearSolver } from '../../solvers';
import { float64 } from '../../spaces';
import { checkJacobian, type Jacobian } from './jacobian';
import { type NewtonOptions, solveImplicit } from './newton';
import {
  checkStart,
  checkStep,
  type EulerOptions,
  EvenSteps,
  MAX_STEPS,
  type RightHandSide,
  Stops,
  slopesOf,
  type Trajectory,
  type TrajectoryStatus,
} from './ode';
import { atOnce, inTurns, type Work } from './work';

/** The tolerances that an adaptive step is chosen by: `absolute + relative |y_i|` a component. */
export interface ErrorTolerance {
  relative: number;
  absolute: number;
}

export interface BackwardEulerOptions extends EulerOptions {
  /**
   * `∂f/∂y` as rows. By default its products are differences of f, one evaluation each, over √ε of
   * the typical size of each component.
   */
  jacobian?: Jacobian;
  /**
   * Solves Newton's systems with `I − hJ`. Default `dense()`. For many unknowns `gmres()`, which
   * needs a few products with J instead of one for each; `cg()` only if J is symmetric and has no
   * large positive eigenvalue, as the `−∇²F` of a gradient flow.
   */
  solver?: LinearSolver;
  /** Chooses each step by its error; `step` is then the first one. Default: all steps are `step`. */
  adaptive?: ErrorTolerance;
  /**
   * Newton's iteration ends with a step that changes each component by less than this part of its
   * size, or by nothing but rounding. A component below `adaptive.absolute` counts as that large.
   * Default 1e-10.
   */
  newtonTolerance?: number;
  /** Default 50; with `adaptive` 20, after which a shorter step costs less. */
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
 * step is repeated if that exceeds the tolerance. All criteria are relative: the unit of y changes
 * nothing.
 *
 * When not to use it: problems that are not stiff, where an implicit step buys nothing; solutions
 * that are to be accurate (`radau`), or that oscillate without damping: it damps them too. It is
 * the proximal point method when `f = −∇F`.
 *
 * @throws InputError for times, steps or tolerances that lead nowhere; ShapeError for an f or a
 * Jacobian of another size; NotFiniteError for a NaN in y0 or f(y0).
 * @see Hairer & Wanner, [Solving Ordinary Differential Equations
 *   II](https://doi.org/10.1007/978-3-642-05221-7), §IV.3 and §IV.8.
 */
export function backwardEuler(
  f: RightHandSide,
  y0: Float64Array,
  options: BackwardEulerOptions,
): BackwardEulerTrajectory {
  checkNoMore('backwardEuler', arguments, 3);
  return atOnce(integrate(f, y0, options));
}

/**
 * The same, giving timers and drawing a turn between the iterations of its steps, so that a page goes on
 * living and an interrupt ends it.
 *
 * @throws as `backwardEuler` does, by a promise that is rejected
 */
export async function backwardEulerAsync(
  f: RightHandSide,
  y0: Float64Array,
  options: BackwardEulerOptions,
): Promise<BackwardEulerTrajectory> {
  checkNoMore('backwardEulerAsync', arguments, 3);
  return inTurns(integrate(f, y0, options));
}

function* integrate(
  f: RightHandSide,
  y0: Float64Array,
  options: BackwardEulerOptions,
): Work<BackwardEulerTrajectory> {
  const first = checkStart('backwardEuler', f, y0, options, [
    'step',
    'jacobian',
    'solver',
    'adaptive',
    'newtonTolerance',
    'maxNewtonIterations',
  ]);
  checkStep('backwardEuler', options);
  const { from = 0, to, step, adaptive, jacobian, maxSteps = MAX_STEPS } = options;
  checkTolerance(adaptive);
  if (jacobian !== undefined) {
    checkFunction(jacobian, 'the Jacobian');
    checkJacobian(jacobian.call(options, y0.slice(), from), y0.length);
  }
  const newton = newtonOptions(options);
  const work = { evaluations: 1, newtonIterations: 0, products: 0 };
  const slopes = slopesOf(f, y0.length);
  const counted: RightHandSide = (y, t) => {
    work.evaluations += 1;
    return slopes(y, t);
  };

  const stops = new Stops(options);
  const even = adaptive ? undefined : new EvenSteps(stops, { from, step });
  const times = [from];
  const states: Float64Array[] = [y0.slice()];
  let h = Math.min(step, to - from);
  let rejected = 0;
  let status: TrajectoryStatus = 'finished';
  for (let t = from; t < to; t = times.at(-1)!) {
    if (times.length - 1 + rejected >= maxSteps) {
      status = 'max-steps';
      break;
    }
    // A stop is met exactly; a sliver left over by rounding is part of the step before it.
    const end = even?.endAfter(t) ?? stops.endOf(t, h);
    const y = states.at(-1)!;
    const equation = { f: counted, y, t: stops.seenBefore(end), h: end - t };
    const next = yield* solveImplicit(equation, newton, work);
    const error =
      adaptive && next
        ? localError(y, next, end - t, slopeAt(times, states, stops, counted) ?? first, adaptive)
        : 0;
    if (next !== undefined && error <= 1) {
      times.push(end);
      states.push(next);
      even?.taken(t, end);
      // A step that a stop cut short does not shorten those after it.
      if (adaptive)
        h = Math.max((end - t) * stepFactor(error), end < t + h && error <= 0.5 ? h : 0);
      continue;
    }
    rejected += 1;
    h = next === undefined ? (end - t) / 4 : (end - t) * stepFactor(error);
    if (!adaptive || h <= shortestStep(t)) {
      status = 'unsolved';
      break;
    }
  }
  return { times: Float64Array.from(times), states, status, rejected, ...work };
}

/** @throws InputError for a solver that cannot be used, or numbers out of range. */
function newtonOptions(options: BackwardEulerOptions): NewtonOptions {
  const {
    jacobian,
    solver = dense(),
    newtonTolerance = 1e-10,
    adaptive,
    maxNewtonIterations = adaptive ? 20 : 50,
  } = options;
  checkSolver('backwardEuler', solver, 'solveSync');
  if (!(Number.isFinite(newtonTolerance) && newtonTolerance > 0 && newtonTolerance < 1)) {
    throw new InputError({
      given: `newtonTolerance: ${shown(newtonTolerance)}`,
      expected: 'a number between 0 and 1',
      remedy: 'It is relative to the size of each component; leave it out for 1e-10.',
    });
  }
  checkCount(maxNewtonIterations, 'maxNewtonIterations:', { remedy: 'Leave it out for 20 or 50.' });
  return {
    ...(jacobian && { jacobian: jacobian.bind(options) }),
    ...(adaptive && { floor: adaptive.absolute }),
    solver,
    tolerance: newtonTolerance,
    maxIterations: maxNewtonIterations,
  };
}

/** A step that is hardly more than the rounding of the time; next to 0 there are very short ones. */
const shortestStep = (t: number) => Math.max(2 * Number.EPSILON * Math.abs(t), 1e-300);

/** How much longer or shorter the next step may be, for a method whose local error is O(h²). */
function stepFactor(error: number): number {
  return Math.min(4, Math.max(0.2, 0.9 / Math.sqrt(error)));
}

/** y′ where the last step ended; undefined at the start. */
function slopeAt(
  times: number[],
  states: Float64Array[],
  stops: Stops,
  f: RightHandSide,
): Float64Array | undefined {
  const [t, y] = [times.at(-1)!, states.at(-1)!];
  if (times.length === 1) return undefined;
  if (stops.includes(t)) return f(y, stops.seenAfter(t));
  // The step before was solved for y = y₋ + h₋ f(y, t), so f need not be evaluated again.
  return float64.scale(1 / (t - times.at(-2)!), float64.subtract(y, states.at(-2)!));
}

/** The error of a step of h in units of the tolerance: at most 1 is good. */
function localError(
  y: Float64Array,
  next: Float64Array,
  h: number,
  slope: Float64Array,
  { relative, absolute }: ErrorTolerance,
): number {
  let worst = 0;
  for (let i = 0; i < y.length; i++) {
    const error = Math.abs(next[i]! - y[i]! - h * slope[i]!) / 2;
    const scale = absolute + relative * Math.max(Math.abs(y[i]!), Math.abs(next[i]!));
    worst = Math.max(worst, error / scale);
  }
  return worst;
}

function checkTolerance(adaptive: ErrorTolerance | undefined) {
  if (adaptive === undefined) return;
  checkOptionNames('backwardEuler({ adaptive })', adaptive, ['relative', 'absolute']);
  const { relative, absolute } = adaptive;
  const areNumbers = [relative, absolute].every(Number.isFinite);
  if (areNumbers && relative >= 0 && absolute > 0) return;
  throw new InputError({
    given: `adaptive: ${shown(adaptive)}`,
    expected: 'a relative tolerance of at least 0 and a positive absolute one',
    remedy: 'Try { relative: 1e-3, absolute: 1e-6 }.',
  });
}
