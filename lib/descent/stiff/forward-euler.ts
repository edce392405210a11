import { float64 } from '../../spaces';
import {
  allFinite,
  checkStart,
  type EulerOptions,
  type RightHandSide,
  type Trajectory,
} from './ode';

/**
 * Integrates `y' = f(y, t)` by the explicit Euler method, `y ← y + h f(y, t)`.
 *
 * On `y' = −λy` a step multiplies by `1 − hλ`: it is stable for `hλ ≤ 2` only, however slow the
 * solution itself may be. The global error is O(h).
 *
 * When not to use it: stiff problems (`backwardEuler`), and smooth ones that are to be accurate (a
 * method of higher order). It is gradient descent when `f = −∇F`.
 *
 * @throws InputError for times or a step that lead nowhere; ShapeError for an f of another length;
 * NotFiniteError for a NaN in y0 or f(y0).
 * @see Hairer, Nørsett & Wanner, Solving Ordinary Differential Equations I, §I.7.
 */
export function forwardEuler(
  f: RightHandSide,
  y0: Float64Array,
  options: EulerOptions,
): Trajectory {
  checkStart('forwardEuler', f, y0, options);
  const { from = 0, to, step } = options;
  const count = Math.ceil((to - from) / step - 1e-9);
  const times = [from];
  const states: Float64Array[] = [y0.slice()];
  for (let k = 1; k <= count; k++) {
    const [t, y] = [times[k - 1]!, states[k - 1]!];
    const end = k === count ? to : from + k * step;
    const next = float64.axpy(end - t, f(y, t), y);
    if (!allFinite(next)) break;
    times.push(end);
    states.push(next);
  }
  const finished = states.length === count + 1;
  return {
    times: Float64Array.from(times),
    states,
    status: finished ? 'finished' : 'diverged',
    evaluations: finished ? count : states.length,
  };
}
