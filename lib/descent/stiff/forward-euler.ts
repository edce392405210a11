import { checkNoMore } from '../../options';
import { float64 } from '../../spaces';
import {
  allFinite,
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
 * @see Hairer, Nørsett & Wanner, [Solving Ordinary Differential Equations
 *   I](https://doi.org/10.1007/978-3-540-78862-1), §I.7.
 */
export function forwardEuler(
  f: RightHandSide,
  y0: Float64Array,
  options: EulerOptions,
): Trajectory {
  checkNoMore('forwardEuler', arguments, 3);
  return atOnce(integrate(f, y0, options));
}

/**
 * The same, giving timers and drawing a turn between its steps, so that a page goes on living and an
 * interrupt ends it.
 *
 * @throws as `forwardEuler` does, by a promise that is rejected
 */
export async function forwardEulerAsync(
  f: RightHandSide,
  y0: Float64Array,
  options: EulerOptions,
): Promise<Trajectory> {
  checkNoMore('forwardEulerAsync', arguments, 3);
  return inTurns(integrate(f, y0, options));
}

function* integrate(f: RightHandSide, y0: Float64Array, options: EulerOptions): Work<Trajectory> {
  const first = checkStart('forwardEuler', f, y0, options, ['step']);
  checkStep('forwardEuler', options);
  const { from = 0, to, step, maxSteps = MAX_STEPS } = options;
  const stops = new Stops(options);
  const slopes = slopesOf(f, y0.length);
  const times = [from];
  const states: Float64Array[] = [y0.slice()];
  const steps = new EvenSteps(stops, { from, step });
  let evaluations = 1;
  let status: TrajectoryStatus = 'finished';
  for (let t = from; t < to; t = times.at(-1)!) {
    if (times.length > maxSteps) {
      status = 'max-steps';
      break;
    }
    yield;
    const y = states.at(-1)!;
    const end = steps.endAfter(t);
    const isFirst = times.length === 1;
    const slope = isFirst ? first : slopes(y, stops.seenAfter(t));
    if (!isFirst) evaluations += 1;
    const next = float64.axpy(end - t, slope, y);
    if (!allFinite(next)) {
      status = 'diverged';
      break;
    }
    times.push(end);
    states.push(next);
    steps.taken(t, end);
  }
  return { times: Float64Array.from(times), states, status, evaluations };
}
