import { type Occurrence, occurrencesIn } from './events';
import { jacobianRows, typicalSizes } from './jacobian';
import { allFinite, MAX_STEPS, type RightHandSide, Stops, slopesOf } from './ode';
import { type RadauOptions, tolerances } from './radau-options';
import { guess, type RadauSolution, type Segment, stateAt, stateIn } from './radau-solution';
import {
  type StageMatrices,
  type StageSolution,
  type Stages,
  solveStages,
  stageError,
  stageMatrices,
} from './radau-stages';
import { errorOf, firstStep, StepControl, weighted } from './step-control';
import type { Work } from './work';

/** Why a run ends; undefined while it goes on. */
type Ending = RadauSolution['status'] | undefined;

/** What a step has to be longer than, for its stages to be at times of their own. */
const smallestStep = (t: number) => Math.max(4 * Number.EPSILON * Math.abs(t), 1e-300);

/** One integration by `radau`, from checked options: its state between the steps. */
export class RadauRun {
  readonly #options: RadauOptions;
  readonly #relative: number;
  readonly #absolute: Float64Array;
  readonly #maxStep: number;
  readonly #newtonTolerance: number;
  readonly #stops: Stops;
  readonly #f: RightHandSide;
  readonly #control = new StepControl();

  readonly #counts = { evaluations: 1, jacobians: 0, factorizations: 0, rejected: 0 };
  readonly #segments: Segment[] = [];
  readonly #occurrences: Occurrence[] = [];
  readonly #times: number[];
  readonly #states: Float64Array[];

  #t: number;
  #y: Float64Array;
  #slope: Float64Array;
  /** The step to try next. */
  #h: number;
  #rows: Float64Array[] | undefined;
  /** Whether the Jacobian is of this y. */
  #isFresh = false;
  #matrices: StageMatrices | undefined;
  /** Whether the error may be estimated twice: at the start, after a stop and after a rejected step. */
  #isRetrying = true;

  /** @param slope f(y₀), which counts as the first evaluation */
  constructor(f: RightHandSide, y0: Float64Array, slope: Float64Array, options: RadauOptions) {
    const { from = 0, to, relative = 1e-6, maxStep = Number.POSITIVE_INFINITY } = options;
    const slopes = slopesOf(f, y0.length);
    this.#options = options;
    this.#relative = relative;
    this.#absolute = tolerances(options, y0, slope);
    this.#maxStep = maxStep;
    this.#newtonTolerance = Math.max(
      (10 * Number.EPSILON) / relative,
      Math.min(0.03, relative ** 0.5),
    );
    this.#stops = new Stops(options);
    this.#f = (y, t) => {
      this.#counts.evaluations += 1;
      return slopes(y, t);
    };
    this.#times = [from];
    this.#states = [y0.slice()];
    this.#t = from;
    this.#y = y0.slice();
    this.#slope = slope;
    // A guess from a small y is no shorter than what moves a time far from 0 by more than its rounding.
    const guessed = Math.max(
      firstStep(this.#y, this.#slope, this.#sizes()),
      1e3 * smallestStep(from),
    );
    const { step = guessed } = options;
    this.#h = Math.min(to - from, maxStep, step);
  }

  *solution(): Work<RadauSolution> {
    let status = this.#ending();
    while (status === undefined) status = (yield* this.#step()) ?? this.#ending();
    const [times, states] = [this.#times, this.#states];
    return {
      times: Float64Array.from(times),
      states,
      status,
      at: (time) => stateAt(this.#segments, states[0]!, times, time),
      events: this.#occurrences,
      ...this.#counts,
    };
  }

  /** Why no further step is tried. */
  #ending(): Ending {
    const { to, maxSteps = MAX_STEPS } = this.#options;
    if (this.#t >= to) return 'finished';
    if (this.#times.length - 1 + this.#counts.rejected >= maxSteps) return 'max-steps';
    // Where no more time is left than that, one step to the end is.
    const least = Math.min(smallestStep(this.#t), (to - this.#t) / 2);
    return this.#h <= least ? 'unsolved' : undefined;
  }

  /** Tries one step. */
  *#step(): Work<Ending> {
    const end = this.#stops.endOf(this.#t, this.#h);
    const h = end - this.#t;
    const matrices = yield* this.#matricesOf(h);
    const solution = matrices && (yield* this.#solve(matrices, end));
    if (matrices === undefined || solution === undefined) return this.#rejectUnsolved(h);
    const next = this.#y.map((value, i) => value + solution.stages[2][i]!);
    const error = this.#errorOf(matrices, solution.stages, next);
    const tried = { h, error, iterations: solution.iterations };
    if (!(error < 1) || !allFinite(next)) return this.#rejectInaccurate(tried);

    const isCut = end < this.#t + this.#h;
    const factor = isCut ? this.#control.afterCut(tried) : this.#control.afterAccepted(tried);
    if (this.#note({ from: this.#t, h, y: this.#y, stages: solution.stages }, next, end)) {
      return 'event';
    }
    return this.#goOnFrom(end, next, { h, factor, isCut, rate: solution.rate });
  }

  /** The matrices of a step, from the Jacobian and the factors that there are, as far as they serve. */
  *#matricesOf(h: number): Work<StageMatrices | undefined> {
    if (this.#rows === undefined) {
      const seen = this.#stops.seenAfter(this.#t);
      const change = this.#slope.map((value) => h * value);
      const typical = typicalSizes(this.#y, this.#y, change, Math.min(...this.#absolute));
      const jacobian = this.#options.jacobian?.bind(this.#options);
      this.#rows = yield* jacobianRows(jacobian, this.#f, this.#y, seen, this.#slope, typical);
      this.#counts.jacobians += 1;
      this.#isFresh = true;
      this.#matrices = undefined;
    }
    if (this.#matrices?.h !== h) {
      this.#matrices = yield* stageMatrices(this.#rows, h);
      this.#counts.factorizations += 1;
    }
    return this.#matrices;
  }

  *#solve(matrices: StageMatrices, end: number): Work<StageSolution | undefined> {
    const [t, y, { h }] = [this.#t, this.#y, matrices];
    const sizes = this.#sizes();
    return yield* solveStages(
      { f: this.#f, y, t, h, end: this.#stops.seenBefore(end) },
      matrices,
      guess(this.#segments.at(-1), t, h, y),
      (x) => weighted(x, sizes),
      this.#newtonTolerance,
    );
  }

  /**
   * The estimated error of a step over what is allowed: below 1, the step is accepted. The estimate is
   * far too large where a stiff component starts off its course; there it is made twice.
   */
  #errorOf(matrices: StageMatrices, stages: Stages, next: Float64Array): number {
    const scale = this.#sizes(next);
    const estimate = stageError(matrices, this.#slope, stages);
    const error = errorOf(estimate, scale);
    if (!(error >= 1) || !this.#isRetrying) return error;
    const near = this.#y.map((value, i) => value + estimate[i]!);
    const moved = this.#f(near, this.#stops.seenAfter(this.#t));
    return allFinite(moved) ? errorOf(stageError(matrices, moved, stages), scale) : error;
  }

  #rejectUnsolved(h: number): undefined {
    this.#counts.rejected += 1;
    // A Jacobian of an earlier step may be to blame.
    this.#h = this.#isFresh ? h / 4 : h;
    this.#rows = undefined;
  }

  #rejectInaccurate(tried: { h: number; error: number; iterations: number }): undefined {
    this.#counts.rejected += 1;
    this.#h = this.#control.afterRejected(tried);
    this.#isRetrying = true;
    if (!this.#isFresh) this.#rows = undefined;
  }

  /** Keeps a step that is taken, up to the event that ends the run; returns whether one does. */
  #note(segment: Segment, next: Float64Array, end: number): boolean {
    const { events = [] } = this.#options;
    this.#segments.push(segment);
    const met = occurrencesIn(events, segment.from, end, (at) => stateIn(segment, at));
    this.#occurrences.push(...met);
    const last = met.at(-1);
    const isLast = last !== undefined && events[last.event]!.ends === true;
    this.#times.push(isLast ? last.t : end);
    this.#states.push(isLast ? last.y : next);
    return isLast;
  }

  /** Moves to the end of a step, and chooses the next one. */
  #goOnFrom(
    t: number,
    y: Float64Array,
    taken: { h: number; factor: number; isCut: boolean; rate: number },
  ): Ending {
    const { h, factor, isCut, rate } = taken;
    [this.#t, this.#y] = [t, y];
    if (t >= this.#options.to) return 'finished';
    this.#slope = this.#f(y, this.#stops.seenAfter(t));
    if (!allFinite(this.#slope)) return 'diverged';
    const isStop = this.#stops.includes(t);
    this.#isRetrying = isStop;
    this.#isFresh = false;
    if (rate > 1e-3 || isStop) this.#rows = undefined;
    // A step that a stop cut short does not shorten those after it; a little growth is not worth
    // a factorization.
    const wanted = Math.min(
      this.#maxStep,
      Math.max(h * factor, isCut && factor >= 1 ? this.#h : 0),
    );
    const keepsFactors = this.#rows !== undefined && factor >= 1 && factor <= 1.2 && !isCut;
    this.#h = keepsFactors ? h : wanted;
    return undefined;
  }

  /** What counts as an error of 1 in each component. */
  #sizes(other = this.#y): Float64Array {
    return this.#y.map(
      (v, i) => this.#absolute[i]! + this.#relative * Math.max(Math.abs(v), Math.abs(other[i]!)),
    );
  }
}
