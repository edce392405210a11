import { checkFunction } from '../../options';
import { checkEvents, type Occurrence, occurrencesIn } from './events';
import { checkJacobian, jacobianRows, typicalSizes } from './jacobian';
import { allFinite, checkStart, MAX_STEPS, type RightHandSide, Stops, slopesOf } from './ode';
import { type RadauOptions, tolerances } from './radau-options';
import { guess, type RadauSolution, type Segment, stateAt, stateIn } from './radau-solution';
import {
  type StageMatrices,
  type Stages,
  solveStages,
  stageError,
  stageMatrices,
} from './radau-stages';
import { errorOf, firstStep, StepControl, weighted } from './step-control';
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
  const known = ['jacobian', 'relative', 'absolute', 'step', 'maxStep', 'events'];
  checkStart('radau', f, y0, options, known);
  const { from = 0, to, jacobian, maxSteps = MAX_STEPS, events = [], relative = 1e-6 } = options;
  const { maxStep = Number.POSITIVE_INFINITY } = options;
  checkEvents('radau', events);
  if (jacobian !== undefined) {
    checkFunction(jacobian, 'the Jacobian');
    checkJacobian(jacobian(y0.slice(), from), y0.length);
  }
  const work = { evaluations: 0, jacobians: 0, factorizations: 0, rejected: 0 };
  const slopes = slopesOf(f, y0.length);
  const absolute = tolerances(options, y0, () => slopes(y0.slice(), from));
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
  let h = Math.min(to - from, maxStep, options.step ?? firstStep(y, slope, sizeOf(y)));
  let rows: Float64Array[] | undefined;
  let fresh = false;
  let matrices: StageMatrices | undefined;
  const control = new StepControl();
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
    const slopeNear = (change: Float64Array) =>
      counted(
        y.map((value, i) => value + change[i]!),
        stops.seenAfter(t),
      );
    const error = stepError(matrices, slope, stages, scale, retrying ? slopeNear : undefined);
    if (!(error < 1) || !allFinite(next)) {
      work.rejected += 1;
      h = control.afterRejected({ h: taken, error, iterations });
      retrying = true;
      if (!fresh) rows = undefined;
      continue;
    }

    const factor = control.afterAccepted({ h: taken, error, iterations });
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
    const wanted = Math.min(maxStep, Math.max(taken * factor, cut && factor >= 1 ? h : 0));
    h = rows !== undefined && factor >= 1 && factor <= 1.2 && !cut ? taken : wanted;
    if (stops.includes(t)) retrying = true;
  }

  const at = (time: number) => stateAt(segments, states[0]!, times, time);
  return { times: Float64Array.from(times), states, status, at, events: occurrences, ...work };
}

/**
 * The estimated error of a step over what is allowed: below 1, the step is accepted.
 *
 * @param slopeNear f at the start moved by a vector, where the estimate may be made twice: the first is
 *   far too large where a stiff component starts off its course
 */
function stepError(
  matrices: StageMatrices,
  slope: Float64Array,
  stages: Stages,
  scale: Float64Array,
  slopeNear?: (change: Float64Array) => Float64Array,
): number {
  const estimate = stageError(matrices, slope, stages);
  const error = errorOf(estimate, scale);
  if (!(error >= 1) || slopeNear === undefined) return error;
  const moved = slopeNear(estimate);
  return allFinite(moved) ? errorOf(stageError(matrices, moved, stages), scale) : error;
}
