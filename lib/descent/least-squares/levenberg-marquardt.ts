import { InputError } from '../../errors';
import {
  checkFloat64,
  checkFunction,
  checkMethods,
  checkNoMore,
  checkOptionNames,
  shown,
} from '../../options';
import { checkSolver, type LinearSolver } from '../../solvers';
import { float64 } from '../../spaces';
import {
  halfSquare,
  type LeastSquaresProblem,
  type Linearized,
  linearizeAt,
  residualsAt,
} from './problem';
import { type Descend, implicitSteps } from './step';

/** An iteration that was accepted, or the start. */
export interface LeastSquaresLook {
  /** 0 at the start. */
  iteration: number;
  /** The parameters; a copy. */
  w: Float64Array;
  /** `½ ‖r(w)‖²`. */
  value: number;
  /** `‖Jᵀr‖` where the step to w began; at the start, there. */
  gradientNorm: number;
  /** δ of the next step. */
  delta: number;
  /** The decrease of the last step divided by the decrease that its model predicted; NaN at the start. */
  ratio: number;
}

export interface LevenbergMarquardtOptions {
  /** The first δ > 0. Default 1; it is raised and lowered from there. */
  initial?: number;
  /**
   * Solves `(I + δJᵀJ) s = Jᵀr`. By default directly, by Cholesky of the smaller of `JᵀJ + I/δ` and
   * `JJᵀ + I/δ`, which needs the rows of J. With products alone: `cg({ maxIterations: 50 })`.
   */
  solver?: LinearSolver;
  /**
   * The largest `2‖a‖/‖d‖` with which the second-order correction a is added to the step d; 0 for
   * none, the plain method. Default 0.75.
   */
  acceleration?: number;
  /** Ends when `‖Jᵀr‖` is at most this fraction of its value at the start. Default 1e-12. */
  tolerance?: number;
  /** Steps that are accepted. Default 200. */
  maxIterations?: number;
  /** Called at the start and after each accepted step; `false` ends the run. */
  watch?(look: LeastSquaresLook): unknown;
}

/** Where a run ended. */
export interface LeastSquaresFit {
  /** The last parameters, of the least value met. */
  w: Float64Array;
  /** `½ ‖r(w)‖²`. */
  value: number;
  /** δ that the next step would have. */
  delta: number;
  /** Accepted steps. */
  iterations: number;
  /** Steps that did not lower the value. */
  rejected: number;
  /** Products with `JᵀJ`, or a half of one for each with J or Jᵀ. */
  products: number;
  /**
   * `converged`: the gradient is small enough. `stalled`: no step, however short, lowers the value by
   * more than rounding. `max-iterations`; `stopped`, by `watch`.
   */
  status: 'converged' | 'stalled' | 'max-iterations' | 'stopped';
}

/** Rates that are tried from one point; the last is below the first by 2 to the power of 800. */
const TRIALS = 40;
/** The part of a step over which the second derivative along it is a difference. */
const PART = 0.1;

/**
 * Minimises `f(w) = ½ ‖r(w)‖²` by implicit steps whose rate tunes itself.
 *
 * Each step is the linearised implicit one with Gauss–Newton curvature,
 *
 *     (I + δ JᵀJ) s = Jᵀr,    d = −δ s,
 *
 * the minimiser of the model `½‖r + J d‖² + ‖d‖²/2δ`. Where r bends along d, `w + d` leaves the valley
 * that the model sees; half of `a = −(JᵀJ + I/δ)⁻¹ Jᵀ r″(d, d)` turns it back (geodesic acceleration),
 * with the second derivative along d as a difference: `w⁺ = w + d + a/2`, at the price of one
 * evaluation of r and a solve with the same factors. The gain ratio ρ is the decrease of f over that
 * of `½‖r + J d‖²`. A step with ρ ≤ 0 is not taken, and δ falls by 2, then 4, 8, …; otherwise δ is
 * divided by `max(1/3, 1 − (2ρ − 1)³)`. f never rises.
 *
 * A direct step takes `np min(n, p)/2 + min(n, p)³/6` multiplications. When not to use it: more than
 * some thousand parameters and residuals (then with `cg`, or `implicitSGD` on tensors); residuals that
 * are large at the minimum, where Gauss–Newton converges slowly; residuals of mini-batches, which are
 * not the same function twice. Squares have to be numbers: residuals and derivatives from about 1e-150 to
 * 1e150.
 *
 * @param start p numbers; not changed
 * @throws InputError for options out of range; ShapeError for a Jacobian of another size;
 * NotFiniteError for residuals or a Jacobian that are not finite where a step begins (a trial that is
 * not finite is a rejected step); UnsupportedError for a direct solve without rows.
 * @see Marquardt, [An algorithm for least-squares estimation of nonlinear
 *   parameters](https://doi.org/10.1137/0111030), 1963; Nielsen, [Damping parameter in Marquardt's
 *   method](https://www2.imm.dtu.dk/documents/ftp/tr99/tr05_99.pdf), 1999; Transtrum & Sethna,
 *   [Improvements to the Levenberg–Marquardt algorithm for nonlinear least-squares
 *   minimization](https://arxiv.org/abs/1201.5885), 2012, for the acceleration.
 */
export function levenbergMarquardt(
  problem: LeastSquaresProblem,
  start: Float64Array,
  options: LevenbergMarquardtOptions = {},
): LeastSquaresFit {
  checkNoMore('levenbergMarquardt', arguments, 3);
  const { initial, solver, acceleration, tolerance, maxIterations, watch } = checkedOptions(
    problem,
    start,
    options,
  );
  let w: Float64Array = start.slice();
  let at = linearizeAt(problem, w);
  const target = tolerance * float64.norm(at.gradient);
  const counts = { iterations: 0, rejected: 0, products: 0 };
  let delta = initial;
  let ratio = Number.NaN;
  const ended = (status: LeastSquaresFit['status']) => ({
    w,
    value: at.value,
    delta,
    ...counts,
    status,
  });

  for (;;) {
    const gradientNorm = float64.norm(at.gradient);
    const look = { iteration: counts.iterations, w: w.slice(), value: at.value, gradientNorm };
    if (watch?.call(options, { ...look, delta, ratio }) === false) return ended('stopped');
    if (gradientNorm <= target) return ended('converged');
    if (counts.iterations >= maxIterations) return ended('max-iterations');
    const descendAt = implicitSteps(at, solver);
    let next: Float64Array | undefined;
    for (let trial = 1; trial <= TRIALS && next === undefined; trial++) {
      const descend = descendAt(delta);
      const tried = descend && tryStep(problem, w, at, descend, acceleration);
      counts.products += tried?.products ?? 0;
      if (tried !== undefined && tried.ratio > 0) {
        next = tried.w;
        ratio = tried.ratio;
        delta = Math.min(delta / Math.max(1 / 3, 1 - (2 * ratio - 1) ** 3), Number.MAX_VALUE);
        break;
      }
      counts.rejected += 1;
      if (tried?.isRounding) {
        // Of a first δ in another unit the step is lost in rounding, where a longer one would not be.
        const least = trial === 1 ? steepest(at) : 0;
        if (!(delta < least)) break;
        delta = least;
        continue;
      }
      delta = Math.max(delta / 2 ** trial, Number.MIN_VALUE);
    }
    if (next === undefined) return ended('stalled');
    w = next;
    at = linearizeAt(problem, w);
    counts.iterations += 1;
  }
}

/** δ of the gradient step that minimises the model, `‖g‖²/‖Jg‖²`: whatever the units, it is not too short. */
function steepest(at: Linearized): number {
  const unit = float64.scale(1 / float64.norm(at.gradient), at.gradient);
  return Math.min(1 / float64.norm(at.apply(unit)) ** 2, Number.MAX_VALUE);
}

function tryStep(
  problem: LeastSquaresProblem,
  w: Float64Array,
  at: Linearized,
  descend: Descend,
  acceleration: number,
) {
  const first = descend(at.residuals);
  const d = first.step;
  let step = d;
  let products = first.products;
  const slope = at.apply(d);
  if (acceleration > 0) {
    const along = residualsAt(problem, float64.axpy(PART, d, w), at);
    const bend = along.map(
      (value, i) => (2 / PART) * ((value - at.residuals[i]!) / PART - slope[i]!),
    );
    if (bend.every(Number.isFinite)) {
      const second = descend(bend);
      products += second.products;
      const trusted = 2 * float64.norm(second.step) <= acceleration * float64.norm(d);
      if (trusted) step = float64.axpy(0.5, second.step, d);
    }
  }
  const next = float64.axpy(1, step, w);
  const value = halfSquare(residualsAt(problem, next, at));
  const promised = at.value - halfSquare(float64.axpy(1, slope, at.residuals));
  return {
    w: next,
    products,
    // A NaN is not a gain: it is not above 0.
    ratio: promised > 0 ? (at.value - value) / promised : -1,
    isRounding: next.every((entry, i) => entry === w[i]),
  };
}

function checkedOptions(
  problem: LeastSquaresProblem,
  start: Float64Array,
  options: LevenbergMarquardtOptions,
) {
  checkMethods(problem, 'the problem of levenbergMarquardt', ['residuals', 'linearize']);
  checkFloat64(start, 'the start of levenbergMarquardt');
  checkOptionNames('levenbergMarquardt', options, [
    'initial',
    'solver',
    'acceleration',
    'tolerance',
    'maxIterations',
    'watch',
  ]);
  const {
    initial = 1,
    solver,
    acceleration = 0.75,
    tolerance = 1e-12,
    maxIterations = 200,
    watch,
  } = options;
  if (solver !== undefined) checkSolver('levenbergMarquardt', solver, 'solveSync');
  if (watch !== undefined) checkFunction(watch, 'watch of levenbergMarquardt');
  const wrong = !(Number.isFinite(initial) && initial > 0)
    ? `initial: ${shown(initial)}`
    : !(Number.isFinite(acceleration) && acceleration >= 0)
      ? `acceleration: ${shown(acceleration)}`
      : !(Number.isFinite(tolerance) && tolerance >= 0 && tolerance < 1)
        ? `tolerance: ${shown(tolerance)}`
        : !(Number.isSafeInteger(maxIterations) && maxIterations >= 0)
          ? `maxIterations: ${shown(maxIterations)}`
          : undefined;
  if (wrong !== undefined) {
    throw new InputError({
      given: `${wrong} of levenbergMarquardt`,
      expected:
        'a positive δ, an acceleration of at least 0, a tolerance in [0, 1), a whole number of iterations',
      remedy: 'Leave them out for 1, 0.75, 1e-12 and 200.',
    });
  }
  return { initial, solver, acceleration, tolerance, maxIterations, watch };
}
