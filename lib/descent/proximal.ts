import * as tf from '@tensorflow/tfjs';
import { completed, deferring, refusingDisposed } from '../autodiff';
import { InputError } from '../errors';
import { checkMethods, checkNoMore, checkOptionNames, checkRecord, phrase } from '../options';
import type { LinearSolver } from '../solvers';
import { holding, type NamedTensors } from '../spaces';
import { type PausingProblem, ProximalRun } from './proximal-run';
import type { ProximalOptions, ProximalProblem, ProximalStep } from './proximal-types';

/**
 * The exact implicit step: `x⁺` with `x⁺ = x − δ∇F(x⁺)`, the minimiser of the proximal objective
 * `Φ(y) = F(y) + ‖y − x‖² / 2δ`.
 *
 * Newton's method: `(I + δH(y)) d = y − x + δ∇F(y)`, then `y ← y − t d` with t halved until Φ falls
 * by enough; where rounding hides whether it fell, the residual has to halve. But for that rounding
 * Φ never rises, so `F(x⁺) ≤ F(x) − ‖x⁺ − x‖² / 2δ` for every F and δ. Unlike the linearised step it
 * is stable for every convex F.
 *
 * `converged`: `‖x⁺ − x + δ∇F(x⁺)‖ ≤ tolerance · δ‖∇F(x⁺)‖`, so that the two sides of the equation
 * agree, whatever the units of x, F and δ; or the next Newton correction, solved for, changes no entry
 * by more than 8 units of rounding (1e-6 of itself), and float32 weights can hold nothing better. For
 * convex F the error of the step is no larger than the residual, since `I + δH` shortens nothing.
 * `max-iterations`: neither; the Newton steps are used up, or rounding keeps Φ from falling further.
 *
 * Timers have their turns between evaluations of F, within the recording of a curvature by `hessian`,
 * `gaussNewton` or `recordGradient`, which `problem.curvatureAt` returns before it is complete, and within
 * its products.
 *
 * @throws NotFiniteError if F or its gradient at x is not finite; DisposedError where F uses a disposed tensor;
 *   InputError for options out of range.
 * @see Rockafellar, [Monotone operators and the proximal point
 *   algorithm](https://doi.org/10.1137/0314056), 1976; Nocedal & Wright, [Numerical
 *   Optimization](https://doi.org/10.1007/978-0-387-40065-5), 2nd ed., §7.1 (Newton–CG).
 */
export async function proximalStep(
  problem: ProximalProblem,
  x: NamedTensors,
  delta: number,
  options: ProximalOptions,
): Promise<ProximalStep> {
  checkNoMore('proximalStep', arguments, 4);
  checkArguments(problem, x, options);
  return takeProximalStep(atOnce(problem), x, delta, options);
}

/** The same from checked arguments, with a problem that can be left for a while. */
export async function takeProximalStep(
  problem: PausingProblem,
  x: NamedTensors,
  delta: number,
  options: ProximalOptions,
): Promise<ProximalStep> {
  const { solver, maxIterations = 50, tolerance = toleranceFor(options.solver) } = options;
  checkProximal(delta, { tolerance, maxIterations });
  return holding([x], async (x) => {
    const run = new ProximalRun(problem, x, delta, { solver, maxIterations, tolerance });
    try {
      return await run.result();
    } finally {
      run.dispose();
    }
  });
}

/** A problem whose functions run without a pause, after one; curvatures of a recording are left after their loss. */
const atOnce = (problem: ProximalProblem): PausingProblem => ({
  *loss(y) {
    yield;
    return tf.tidy(() => tf.keep(refusingDisposed(() => problem.loss(y))));
  },
  *curvatureAt(y) {
    yield;
    const curvature = deferring(() => refusingDisposed(() => problem.curvatureAt(y)));
    try {
      yield* completed(curvature);
      return curvature;
    } catch (error) {
      curvature.dispose();
      throw error;
    }
  },
});

const LOOSEST = 1e-5;
const TIGHTEST = 1e-6;

function toleranceFor(solver: LinearSolver): number {
  const own = 'tolerance' in solver ? Number(solver.tolerance) : LOOSEST;
  return Math.max(TIGHTEST, Math.min(LOOSEST, Number.isFinite(own) ? own : LOOSEST));
}

/** @throws InputError for arguments of another kind. */
function checkArguments(problem: ProximalProblem, x: NamedTensors, options: ProximalOptions): void {
  checkMethods(problem, 'the problem of proximalStep', ['loss', 'curvatureAt']);
  checkOptionNames('proximalStep', options, ['solver', 'tolerance', 'maxIterations']);
  checkMethods(options.solver, 'the solver of proximalStep', ['solve']);
  checkRecord(x, 'the point of proximalStep', 'a record of named tensors');
  const wrong = Object.values(x).find((value) => !(value instanceof tf.Tensor));
  if (wrong === undefined && Object.keys(x).length > 0) return;
  throw new InputError({
    given: `${wrong === undefined ? 'nothing' : phrase(wrong)} in the point of proximalStep`,
    expected: 'a record of named tensors',
    remedy: 'Pass a record such as { W, b }.',
  });
}

/** @throws InputError for a number out of range. */
export function checkProximal(
  delta: number,
  { tolerance = LOOSEST, maxIterations = 1 }: Pick<ProximalOptions, 'tolerance' | 'maxIterations'>,
): void {
  const wrong = !(Number.isFinite(delta) && delta >= 0)
    ? `a step size of ${String(delta)}`
    : !(Number.isFinite(tolerance) && tolerance > 0 && tolerance < 1)
      ? `a tolerance of ${String(tolerance)}`
      : !(Number.isInteger(maxIterations) && maxIterations > 0)
        ? `maxIterations: ${String(maxIterations)}`
        : undefined;
  if (wrong === undefined) return;
  throw new InputError({
    given: `${wrong} for an exact step`,
    expected:
      'a finite δ of at least 0, a tolerance between 0 and 1, a positive whole number of steps',
    remedy: 'The tolerance is relative to the step: 1e-5 is about what float32 allows.',
  });
}
