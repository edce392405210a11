import { InputError } from '../../errors';
import { checkFunction, shown } from '../../options';
import { checkEvents, type Occurrence, type OdeEvent, occurrencesIn } from './events';
import { checkJacobian, type Jacobian, jacobianRows, typicalSizes } from './jacobian';
import {
  allFinite,
  checkStart,
  MAX_STEPS,
  type RightHandSide,
  Stops,
  slopesOf,
  type TimeSpan,
  type Trajectory,
  type TrajectoryStatus,
} from './ode';
import { interpolation } from './radau-method';
import {
  type StageMatrices,
  type Stages,
  solveStages,
  stageError,
  stageMatrices,
} from './radau-stages';
import { atOnce, inTurns, type Work } from './work';

export interface RadauOptions extends TimeSpan {
  /** `∂f/∂y` as rows. Default: differences, n evaluations of f each time. */
  jacobian?: Jacobian;
  /** The relative part of the tolerance of a step, `absolute + relative |yᵢ|`. Default 1e-6. */
  relative?: number;
  /** Its absolute part, in the unit of y: one number, or one for each component. Default 1e-9. */
  absolute?: number | ArrayLike<number>;
  /** The first step. Default: a guess from y0 and f(y0). */
  step?: number;
  /** What to look for on the way. */
  events?: readonly OdeEvent[];
}

export interface RadauSolution extends Omit<Trajectory, 'status'> {
  /** As of a {@link Trajectory}, or `event` where an event ended it. */
  status: TrajectoryStatus | 'event';
  /** The state at any time from the start to the last of `times`, by collocation: order 3. */
  at(t: number): Float64Array;
  /** The events met, in the order of time. */
  events: Occurrence[];
  /** Steps that were computed and given up. */
  rejected: number;
  /** How often the Jacobian was formed, and how often matrices were factorized. */
  jacobians: number;
  factorizations: number;
}

/** A step taken: y(t) = y + Σ weights zᵢ for t from `from` to `from + h`. */
interface Segment {
  from: number;
  h: number;
  y: Float64Array;
  stages: Stages;
}

/**
 * Integrates a stiff `y' = f(y, t)` by the three-stage Radau IIA method of order 5, in double
 * precision, with steps chosen by their error.
 *
 * A step solves `zᵢ = h Σⱼ aᵢⱼ f(y + zⱼ, t + cⱼh)` by simplified Newton steps; the last stage is the
 * result. A-stable and L-stable. The error is estimated by comparison with a method of order 3,
 * `(I − hJ/γ)⁻¹(h f(y)/γ + Σ eᵢzᵢ)`. `at(t)` is the polynomial through the stages.
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
  return inTurns(integrate(f, y0, options));
}

function* integrate(
  f: RightHandSide,
  y0: Float64Array,
  options: RadauOptions,
): Work<RadauSolution> {
  const known = ['jacobian', 'relative', 'absolute', 'step', 'events'];
  checkStart('radau', f, y0, options, known);
  const { from = 0, to, jacobian, maxSteps = MAX_STEPS, events = [], relative = 1e-6 } = options;
  const absolute = tolerances(options, y0.length);
  checkEvents('radau', events);
  if (jacobian !== undefined) {
    checkFunction(jacobian, 'the Jacobian');
    checkJacobian(jacobian(y0.slice(), from), y0.length);
  }
  const work = { evaluations: 0, jacobians: 0, factorizations: 0, rejected: 0 };
  const slopes = slopesOf(f, y0.length);
  const counted: RightHandSide = (y, t) => {
    work.evaluations += 1;
    return slopes(y, t);
  };
  const stops = new Stops(options);
  const sizeOf = (y: Float64Array, other = y) =>
    y.map((v, i) => absolute[i]! + relative * Math.max(Math.abs(v), Math.abs(other[i]!)));
  const newtonTolerance = Math.max(
    (10 * Number.EPSILON) / relative,
    Math.min(0.03, relative ** 0.5),
  );

  const segments: Segment[] = [];
  const occurrences: Occurrence[] = [];
  const times = [from];
  const states: Float64Array[] = [y0.slice()];
  let t = from;
  let y: Float64Array = y0.slice();
  let slope: Float64Array = counted(y, from);
  let h = Math.min(to - from, options.step ?? firstStep(y, slope, sizeOf(y)));
  let rows: Float64Array[] | undefined;
  let fresh = false;
  let matrices: StageMatrices | undefined;
  let accepted: { h: number; error: number } | undefined;
  let retrying = true;
  let status: RadauSolution['status'] = 'finished';

  while (t < to) {
    if (times.length - 1 + work.rejected >= maxSteps) {
      status = 'max-steps';
      break;
    }
    if (h <= Math.max(4 * Number.EPSILON * Math.abs(t), 1e-300)) {
      status = 'unsolved';
      break;
    }
    const end = stops.endOf(t, h);
    const taken = end - t;
    const sizes = sizeOf(y);
    const weigh = (x: Float64Array) => weighted(x, sizes);
    if (rows === undefined) {
      const change = slope.map((value) => taken * value);
      const typical = typicalSizes(y, y, change, Math.min(...absolute));
      rows = yield* jacobianRows(jacobian, counted, y, stops.seenAfter(t), slope, typical);
      work.jacobians += 1;
      fresh = true;
      matrices = undefined;
    }
    if (matrices?.h !== taken) {
      matrices = yield* stageMatrices(rows, taken);
      work.factorizations += 1;
    }
    const solution =
      matrices &&
      (yield* solveStages(
        { f: counted, y, t, h: taken, end: stops.seenBefore(end) },
        matrices,
        guess(segments.at(-1), t, taken, y),
        weigh,
        newtonTolerance,
      ));
    if (matrices === undefined || solution === undefined) {
      work.rejected += 1;
      // A Jacobian of an earlier step may be to blame.
      if (fresh) h = taken / 4;
      else h = taken;
      rows = undefined;
      continue;
    }

    const { stages, iterations, rate } = solution;
    const next = y.map((value, i) => value + stages[2][i]!);
    const scale = sizeOf(y, next);
    let estimate: Float64Array = stageError(matrices, slope, stages);
    let error = Math.max(weighted(estimate, scale), 1e-10);
    if (error >= 1 && retrying) {
      // The first estimate is far too large where a stiff component starts off its course.
      const shifted = counted(
        y.map((value, i) => value + estimate[i]!),
        stops.seenAfter(t),
      );
      if (allFinite(shifted)) {
        estimate = stageError(matrices, shifted, stages);
        error = Math.max(weighted(estimate, scale), 1e-10);
      }
    }
    const safety = (0.9 * 21) / (20 + iterations);
    let factor = Math.min(8, Math.max(0.2, safety * error ** -0.25));
    if (!(error < 1) || !allFinite(next)) {
      work.rejected += 1;
      h = Number.isFinite(error) ? taken * Math.min(factor, 0.9) : taken / 4;
      retrying = true;
      if (!fresh) rows = undefined;
      continue;
    }

    // Gustafsson's controller looks at the last error too.
    if (accepted) {
      const predicted = (taken / accepted.h) * safety * (accepted.error / error ** 2) ** 0.25;
      factor = Math.min(factor, Math.max(0.2, predicted));
    }
    accepted = { h: taken, error: Math.max(error, 1e-2) };
    const segment = { from: t, h: taken, y, stages };
    segments.push(segment);
    const met = occurrencesIn(events, t, end, (at) => stateIn(segment, at));
    occurrences.push(...met);
    const last = met.at(-1);
    if (last !== undefined && events[last.event]!.ends) {
      times.push(last.t);
      states.push(last.y);
      status = 'event';
      break;
    }
    times.push(end);
    states.push(next);
    const cut = end < t + h;
    [t, y] = [end, next];
    if (t >= to) break;
    slope = counted(y, stops.seenAfter(t));
    if (!allFinite(slope)) {
      status = 'diverged';
      break;
    }
    retrying = false;
    fresh = false;
    if (rate > 1e-3 || stops.includes(t)) rows = undefined;
    // A step that a stop cut short does not shorten those after it; a little growth is not worth
    // a factorization.
    const wanted = Math.max(taken * factor, cut && factor >= 1 ? h : 0);
    h = rows !== undefined && factor >= 1 && factor <= 1.2 && !cut ? taken : wanted;
    if (stops.includes(t)) retrying = true;
  }

  const at = (time: number) => stateAt(segments, states[0]!, times, time);
  return { times: Float64Array.from(times), states, status, at, events: occurrences, ...work };
}

/** A step in which an explicit one would change y by a hundredth, or by little. */
function firstStep(y: Float64Array, slope: Float64Array, sizes: Float64Array): number {
  const [size, speed] = [weighted(y, sizes), weighted(slope, sizes)];
  if (speed === 0) return Number.POSITIVE_INFINITY;
  return size > 1e-5 ? (0.01 * size) / speed : 1e-6 / speed;
}

/** The root of the mean square in units of the tolerance. */
function weighted(x: Float64Array, sizes: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += (x[i]! / sizes[i]!) ** 2;
  return Math.sqrt(sum / x.length);
}

/** The polynomial of the last step, gone on with; zero at first. */
function guess(last: Segment | undefined, t: number, h: number, y: Float64Array): Stages {
  const c = [(4 - Math.sqrt(6)) / 10, (4 + Math.sqrt(6)) / 10, 1];
  if (last === undefined || h > 10 * last.h) {
    return c.map(() => new Float64Array(y.length)) as Stages;
  }
  return c.map((node) => {
    const state = stateIn(last, t + node * h);
    return state.map((value, i) => value - y[i]!);
  }) as Stages;
}

function stateIn({ from, h, y, stages }: Segment, t: number): Float64Array {
  const weights = interpolation((t - from) / h);
  return y.map(
    (value, i) =>
      value + weights[0] * stages[0][i]! + weights[1] * stages[1][i]! + weights[2] * stages[2][i]!,
  );
}

function stateAt(
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

/** The absolute tolerance of each component. */
function tolerances(
  { relative = 1e-6, absolute = 1e-9, step }: RadauOptions,
  count: number,
): Float64Array {
  const isList = Array.isArray(absolute) || ArrayBuffer.isView(absolute);
  const each =
    typeof absolute === 'number'
      ? new Float64Array(count).fill(absolute)
      : Float64Array.from(isList ? absolute : []);
  const sound = each.length === count && each.every((a) => Number.isFinite(a) && a > 0);
  if (!(typeof relative === 'number' && relative >= 1e-14 && relative < 1 && sound)) {
    throw new InputError({
      given: `radau({ relative: ${shown(relative)}, absolute: ${isList ? `[${[...each]}]` : shown(absolute)} })`,
      expected: 'a relative tolerance from 1e-14 to 1, and positive absolute ones',
      remedy: 'Try { relative: 1e-6, absolute: 1e-9 }; the absolute one is in the unit of y.',
    });
  }
  if (step !== undefined && !(Number.isFinite(step) && step > 0)) {
    throw new InputError({
      given: `radau({ step: ${shown(step)} })`,
      expected: 'a positive first step',
      remedy: 'Leave it out for a guess.',
    });
  }
  return each;
}
