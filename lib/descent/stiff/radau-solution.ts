import { InputError } from '../../errors';
import { shown } from '../../options';
import type { Occurrence } from './events';
import type { Trajectory, TrajectoryStatus } from './ode';
import { interpolation } from './radau-method';
import type { Stages } from './radau-stages';

export interface RadauSolution extends Omit<Trajectory, 'status'> {
  /** As of a {@link Trajectory}, or `event` where an event ended it. */
  status: TrajectoryStatus | 'event';
  /** The state at any time from the start to the last of `times`, by collocation: order 3. */
  at(t: number): Float64Array;
  /** The events met, in the order of time. */
  events: Occurrence[];
  /** Steps that were computed and given up. */
  rejected: number;
  /**
   * How often the Jacobian was formed (one that is given is also called at the start, to be checked), and how
   * often matrices were factorized.
   */
  jacobians: number;
  factorizations: number;
}

/** A step taken: y(t) = y + Σ weights zᵢ for t from `from` to `from + h`. */
export interface Segment {
  from: number;
  h: number;
  y: Float64Array;
  stages: Stages;
}

/** The polynomial of the last step, gone on with; zero at first. */
export function guess(last: Segment | undefined, t: number, h: number, y: Float64Array): Stages {
  const c = [(4 - Math.sqrt(6)) / 10, (4 + Math.sqrt(6)) / 10, 1];
  if (last === undefined || h > 10 * last.h) {
    return c.map(() => new Float64Array(y.length)) as Stages;
  }
  return c.map((node) => {
    const state = stateIn(last, t + node * h);
    return state.map((value, i) => value - y[i]!);
  }) as Stages;
}

export function stateIn({ from, h, y, stages }: Segment, t: number): Float64Array {
  const weights = interpolation((t - from) / h);
  return y.map(
    (value, i) =>
      value + weights[0] * stages[0][i]! + weights[1] * stages[1][i]! + weights[2] * stages[2][i]!,
  );
}

export function stateAt(
  segments: readonly Segment[],
  first: Float64Array,
  times: readonly number[],
  t: number,
): Float64Array {
  if (!(Number.isFinite(t) && t >= times[0]! && t <= times.at(-1)!)) {
    throw new InputError({
      given: `at(${shown(t)})`,
      expected: `a time from ${times[0]} to ${times.at(-1)}`,
      remedy: 'The solution is known as far as its last step.',
    });
  }
  if (segments.length === 0) return first.slice();
  let [low, high] = [0, segments.length - 1];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (segments[middle]!.from <= t) low = middle;
    else high = middle - 1;
  }
  return stateIn(segments[low]!, t);
}
