import { InputError, NotFiniteError, ShapeError } from '../../errors';
import {
  checkCount,
  checkList,
  checkNoMore,
  checkOptionNames,
  checkRecord,
  phrase,
  shown,
} from '../../options';

/** The right-hand side of `y' = f(y, t)`; it returns a new array of the length of y. */
export type RightHandSide = (y: Float64Array, t: number) => Float64Array;

/** The time that an integration covers, and how much work it may be. */
export interface TimeSpan {
  /** The start, in the unit of t. Default 0. */
  from?: number;
  /** The end. */
  to: number;
  /**
   * Times that a step has to end on, such as the edges of a pulse, which a step may pass over
   * otherwise. A step that ends on one sees f just before it, one that begins there just after.
   */
  stops?: readonly number[];
  /** The largest number of steps, rejected ones among them. Default 100,000. */
  maxSteps?: number;
}

/** When an integration starts and ends, and by which steps. */
export interface EulerOptions extends TimeSpan {
  /** The step h; the last one before a stop or the end is shortened to end on it. */
  step: number;
}

/**
 * How an integration ended: at `to`, or before it because y ceased to be a finite number
 * (`diverged`), because an implicit equation could not be solved (`unsolved`), or because all the
 * steps that it may take were taken (`max-steps`).
 */
export type TrajectoryStatus = 'finished' | 'diverged' | 'unsolved' | 'max-steps';

/** A numerical solution; all its states are finite. */
export interface Trajectory {
  times: Float64Array;
  /** One state for each time, the first of them y₀. */
  states: Float64Array[];
  status: TrajectoryStatus;
  /** How often f was evaluated, from f(y₀) on. */
  evaluations: number;
}

export const MAX_STEPS = 100_000;

/**
 * The last state of a trajectory.
 *
 * @throws InputError for anything but a trajectory.
 */
export function finalState(trajectory: Pick<Trajectory, 'states'>): Float64Array {
  checkNoMore('finalState', arguments, 1);
  checkRecord(trajectory, 'a trajectory', 'what an integrator returns');
  checkList(trajectory.states, 'the states of a trajectory');
  const last = trajectory.states.at(-1);
  if (last !== undefined) return last;
  throw new InputError({
    given: 'a trajectory without a state',
    expected: 'what an integrator returns, whose first state is y0',
    remedy: 'Pass the whole solution.',
  });
}

/**
 * Checks where an integration starts; the one evaluation that this takes is the caller's to use and to count.
 *
 * @returns f(y₀)
 * @throws InputError for options that are unknown or lead nowhere; ShapeError for an f of another
 *   length; NotFiniteError for a y₀ or f(y₀) with a NaN.
 */
export function checkStart(
  name: string,
  f: RightHandSide,
  y0: Float64Array,
  options: TimeSpan,
  known: readonly string[],
): Float64Array {
  checkOptionNames(name, options ?? {}, ['from', 'to', 'stops', 'maxSteps', ...known]);
  if (typeof f !== 'function' || !(y0 instanceof Float64Array)) {
    throw new InputError({
      given: `${name} of ${typeof f === 'function' ? 'a function' : shown(f)} from ${Array.isArray(y0) ? 'an array' : typeof y0}`,
      expected: 'a function f(y, t) and a Float64Array y0',
      remedy: 'Write Float64Array.of(1, 0) for the state (1, 0).',
    });
  }
  const { from = 0, to, stops = [], maxSteps = MAX_STEPS } = options ?? {};
  if (!(Number.isFinite(from) && Number.isFinite(to) && to > from)) {
    throw new InputError({
      given: `${name} from ${shown(from)} to ${shown(to)}`,
      expected: 'two finite times, the second after the first',
      remedy: 'To go back in time, integrate −f.',
    });
  }
  if (!Array.isArray(stops) || !stops.every(Number.isFinite)) {
    throw new InputError({
      given: `${name} with the stops ${shown(stops)}`,
      expected: 'an array of finite times',
      remedy: 'Stops outside the span are passed over; there may be none.',
    });
  }
  checkCount(maxSteps, `${name} with maxSteps:`, { remedy: `Leave it out for ${MAX_STEPS}.` });
  if (y0.length === 0) {
    throw new InputError({
      given: `${name} from an empty y0`,
      expected: 'at least one number',
      remedy: 'There is nothing to integrate otherwise.',
    });
  }
  const slope = slopesOf(f, y0.length)(y0, from);
  if (!allFinite(y0) || !allFinite(slope)) {
    throw new NotFiniteError({
      given: `y0 = [${y0}] with f(y0) = [${slope}]`,
      expected: 'finite numbers',
      remedy: 'Start where f is defined.',
    });
  }
  return slope;
}

/**
 * f with arguments and values of its own, so that it may change the one and use the other
 * again; its values are looked at.
 *
 * @throws ShapeError, when it is called, for a value that is not as long as y.
 */
export function slopesOf(f: RightHandSide, size: number): RightHandSide {
  return (y, t) => {
    const slope: unknown = f(y.slice(), t);
    const isList = slope instanceof Float64Array || Array.isArray(slope);
    if (isList && slope.length === size) return Float64Array.from(slope);
    throw new ShapeError({
      given: `an f ${isList ? `of length ${slope.length}` : `that returned ${phrase(slope)}`} for a y of length ${size}`,
      expected: 'one derivative for each component',
      remedy: 'f(y, t) returns y′ as a Float64Array as long as y.',
    });
  };
}

/** @throws InputError for a step that is not positive, or that rounding hides. */
export function checkStep(name: string, { from = 0, step }: { from?: number; step: number }) {
  if (!(Number.isFinite(step) && step > 0 && step < Number.POSITIVE_INFINITY)) {
    throw new InputError({
      given: `${name} with the step ${shown(step)}`,
      expected: 'a positive, finite step',
      remedy: 'A hundredth of the time to cover is a start.',
    });
  }
  if (from + step === from) {
    throw new InputError({
      given: `${name} from ${shown(from)} with the step ${shown(step)}`,
      expected: 'a step that moves the time, which rounding hides here',
      remedy: 'Count the time from 0, or take longer steps.',
    });
  }
}

/** The times that steps have to end on. */
export class Stops {
  readonly #stops: number[];
  readonly #to: number;

  constructor({ from = 0, to, stops = [] }: TimeSpan) {
    const inside = stops.filter((stop) => stop > from && stop < to);
    this.#stops = [...new Set(inside)].sort((a, b) => a - b);
    this.#to = to;
  }

  /**
   * Where a step of h from t ends: no sliver is left before a stop, none is passed over.
   *
   * @param aimed the end that it would have; default t + h
   */
  endOf(t: number, h: number, aimed = t + h): number {
    const stop = this.next(t);
    return aimed + sliver(h, stop) >= stop ? stop : aimed;
  }

  /** The first stop after t, or the end. */
  next(t: number): number {
    return this.#stops.find((stop) => stop > t) ?? this.#to;
  }

  /** The time at which a step that ends at t sees f. */
  seenBefore(t: number): number {
    return this.#stops.includes(t) ? t - smallestPart(t) : t;
  }

  /** The time at which a step that begins at t sees f. */
  seenAfter(t: number): number {
    return this.#stops.includes(t) ? t + smallestPart(t) : t;
  }

  includes(t: number): boolean {
    return this.#stops.includes(t);
  }
}

/** What a step of h may leave before a time by rounding: its own, or far from 0 that of the time. */
const sliver = (h: number, t: number) =>
  Math.min(h / 2, Math.max(h * 1e-9, 2 * Number.EPSILON * Math.abs(t)));

/** Steps of one length, counted from the last stop, so that rounding does not add up. */
export class EvenSteps {
  readonly #stops: Stops;
  readonly #step: number;
  #start: number;
  #count = 0;

  constructor(stops: Stops, { from = 0, step }: { from?: number; step: number }) {
    this.#stops = stops;
    this.#step = step;
    this.#start = from;
  }

  /** Where the step from t ends. */
  endAfter(t: number): number {
    return this.#stops.endOf(t, this.#step, this.#start + (this.#count + 1) * this.#step);
  }

  /** Goes on from the end of a step that was taken from t. */
  taken(t: number, end: number): void {
    const isStop = end === this.#stops.next(t);
    [this.#start, this.#count] = isStop ? [end, 0] : [this.#start, this.#count + 1];
  }
}

const smallestPart = (t: number) => Math.max(Math.abs(t) * Number.EPSILON, Number.MIN_VALUE);

/** Whether all components are finite numbers. */
export function allFinite(y: Float64Array): boolean {
  return y.every(Number.isFinite);
}
