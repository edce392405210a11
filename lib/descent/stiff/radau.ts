import { checkFunction, checkNoMore } from '../../options';
import { checkEvents } from './events';
import { checkJacobian } from './jacobian';
import { checkStart, type RightHandSide } from './ode';
import type { RadauOptions } from './radau-options';
import { RadauRun } from './radau-run';
import type { RadauSolution } from './radau-solution';
import { atOnce, inTurns, type Work } from './work';

/**
 * Integrates a stiff `y' = f(y, t)` by the three-stage Radau IIA method of order 5, in double
 * precision, with steps chosen by their error.
 *
 * A step solves `zᵢ = h Σⱼ aᵢⱼ f(y + zⱼ, t + cⱼh)` by simplified Newton steps; the last stage is the
 * result. A-stable and L-stable. The error is estimated by comparison with a method of order 3,
 * `(I − hJ/γ)⁻¹(h f(y)/γ + Σ eᵢzᵢ)`. `at(t)` is the polynomial through the stages, whose error between
 * the ends of steps is not part of the estimate: `maxStep` bounds it.
 *
 * When not to use it: problems that are not stiff, or of many unknowns: it forms the Jacobian and
 * factorizes a matrix of twice its size.
 *
 * @throws InputError for options that are unknown or out of range; ShapeError for an f or a Jacobian
 * of another size; NotFiniteError for a NaN in y0 or f(y0).
 * @see Hairer & Wanner, [Solving Ordinary Differential Equations
 *   II](https://doi.org/10.1007/978-3-642-05221-7), §IV.8.
 */
export function radau(f: RightHandSide, y0: Float64Array, options: RadauOptions): RadauSolution {
  checkNoMore('radau', arguments, 3);
  return atOnce(integrate(f, y0, options));
}

/**
 * The same, giving timers and drawing a turn between the iterations of its steps and in its
 * factorizations, so that a page goes on living and an interrupt ends it.
 *
 * @throws as `radau` does, by a promise that is rejected
 */
export async function radauAsync(
  f: RightHandSide,
  y0: Float64Array,
  options: RadauOptions,
): Promise<RadauSolution> {
  checkNoMore('radauAsync', arguments, 3);
  return inTurns(integrate(f, y0, options));
}

function* integrate(
  f: RightHandSide,
  y0: Float64Array,
  options: RadauOptions,
): Work<RadauSolution> {
  const known = ['jacobian', 'relative', 'absolute', 'step', 'maxStep', 'events'];
  const first = checkStart('radau', f, y0, options, known);
  const { from = 0, jacobian, events = [] } = options;
  checkEvents('radau', events);
  if (jacobian !== undefined) {
    checkFunction(jacobian, 'the Jacobian');
    checkJacobian(jacobian.call(options, y0.slice(), from), y0.length);
  }
  return yield* new RadauRun(f, y0, first, options).solution();
}
