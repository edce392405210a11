import { InputError, NotFiniteError, ShapeError } from '../../errors';

/** The right-hand side of `y' = f(y, t)`; it returns a new array of the length of y. */
export type RightHandSide = (y: Float64Array, t: number) => Float64Array;

/** When an integration starts and ends, and by which steps. */
export interface EulerOptions {
  /** The start, in the unit of t. Default 0. */
  from?: number;
  /** The end. */
  to: number;
  /** The step h; the last one is shortened to end on `to`. */
  step: number;
}

/**
 * How an integration ended: at `to`, or before it because y ceased to be a finite number
 * (`diverged`) or because an implicit equation could not be solved (`unsolved`).
 */
export type TrajectoryStatus = 'finished' | 'diverged' | 'unsolved';

/** A numerical solution; all its states are finite. */
export interface Trajectory {
  times: Float64Array;
  /** One state for each time, the first of them y₀. */
  states: Float64Array[];
  status: TrajectoryStatus;
  /** How often f was evaluated. */
  evaluations: number;
}

/** The last state of a trajectory. */
export function finalState({ states }: Trajectory): Float64Array {
  return states.at(-1)!;
}

/** @throws InputError for times or a step that lead nowhere; NotFiniteError for a y₀ or f(y₀) with a NaN. */
export function checkStart(
  name: string,
  f: RightHandSide,
  y0: Float64Array,
  { from = 0, to, step }: EulerOptions,
) {
  if (!(Number.isFinite(from) && Number.isFinite(to) && to > from)) {
    throw new InputError({
      given: `${name} from ${from} to ${to}`,
      expected: 'two finite times, the second after the first',
      remedy: 'To go back in time, integrate −f.',
    });
  }
  if (!(step > 0 && step < Number.POSITIVE_INFINITY)) {
    throw new InputError({
      given: `${name} with the step ${step}`,
      expected: 'a positive, finite step',
      remedy: 'A hundredth of the time to cover is a start.',
    });
  }
  if (from + step === from) {
    throw new InputError({
      given: `${name} from ${from} with the step ${step}`,
      expected: 'a step that moves the time, which rounding hides here',
      remedy: 'Count the time from 0, or take longer steps.',
    });
  }
  const slope = f(y0, from);
  if (slope.length !== y0.length) {
    throw new ShapeError({
      given: `an f of length ${slope.length} for a y0 of length ${y0.length}`,
      expected: 'one derivative for each component',
      remedy: 'f(y, t) returns y′ as a Float64Array as long as y.',
    });
  }
  if (!allFinite(y0) || !allFinite(slope)) {
    throw new NotFiniteError({
      given: `y0 = [${y0}] with f(y0) = [${slope}]`,
      expected: 'finite numbers',
      remedy: 'Start where f is defined.',
    });
  }
}

/** Whether all components are finite numbers. */
export function allFinite(y: Float64Array): boolean {
  return y.every(Number.isFinite);
}
