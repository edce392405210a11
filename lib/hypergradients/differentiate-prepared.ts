import { type Flat, type PreparedRun, preparedDerivative, rememberedOf } from '../autodiff';
import { giveWay } from '../event-loop';
import { join, type LossProblem } from '../problems';
import {
  endsBlind,
  isOrdinaryEnd,
  isToBeVerified,
  type LinearSolver,
  type OrdinaryCourse,
  ordinaryCourseOf,
  ordinaryStop,
  type SolveOptions,
  type SolveReport,
  stands,
  verifiedStatus,
} from '../solvers';
import type { NamedTensors } from '../spaces';
import type { Count } from './evaluation';
import type { DifferentiateOptions, ImplicitDerivative, ImplicitOptions } from './implicit-options';
import { solveOptions } from './solve-in';
import { flatZerosOf } from './zero-parts';

/** A derivative to be taken on tensors, with the Hessian as the curvature and no estimate of its error. */
interface Asked {
  settings: Required<ImplicitOptions>;
  problem: LossProblem;
  w: NamedTensors;
  λ: NamedTensors;
  options: Pick<DifferentiateOptions<NamedTensors>, 'start' | 'flat'>;
  count: Count;
}

/** So many derivatives of a problem may come to something unusual, one after the other; after that none is tried. */
const MOST_MISSES = 3;

/**
 * The derivative by what is prepared for its problem, at once: as `differentiateIn` takes it where the
 * solve needs one call for all its iterations and nothing has to be looked at on the way.
 *
 * @returns undefined for anything else, the count as it was: an estimate of the error, a solve of many
 *   turns, a status or numbers that are looked into, a hyperparameter without effect
 */
export function differentiatePrepared(
  asked: Asked,
): Promise<ImplicitDerivative<NamedTensors>> | undefined {
  const { settings, problem, w, λ, count } = asked;
  const course = settings.estimate === false ? courseOf(settings.solver) : undefined;
  if (course === undefined) return undefined;
  const losses = { inner: rememberedOf(problem.inner), outer: rememberedOf(problem.outer) };
  const { inner, outer } = losses;
  if (inner === undefined || outer === undefined) return undefined;
  const prepared = preparedDerivative({ inner, outer }, { w, λ }, join, settings.diagnose);
  if (prepared === undefined || prepared.misses > MOST_MISSES) return undefined;
  if (prepared.portions.next(course.maxIterations) < course.maxIterations) return undefined;
  const before = count.products;
  const run = prepared.begin(w, λ);
  try {
    const found = new OneGo(run, course, asked).result();
    if (found !== undefined) {
      prepared.misses = 0;
      return ended(found);
    }
    prepared.misses++;
    count.products = before;
    return undefined;
  } finally {
    run.dispose();
  }
}

const courses = new WeakMap<LinearSolver, { course: OrdinaryCourse | undefined }>();

/** The course of a solver, which nothing changes. */
function courseOf(solver: LinearSolver): OrdinaryCourse | undefined {
  const known = courses.get(solver) ?? { course: ordinaryCourseOf(solver) };
  courses.set(solver, known);
  return known.course;
}

/** The result, with a turn for timers where one is due. */
async function ended<T>(found: T): Promise<T> {
  await giveWay();
  return found;
}

/** One derivative, taken without a pause: each method is a part of it, and undefined where something is unusual. */
class OneGo {
  readonly #run: PreparedRun;
  readonly #course: OrdinaryCourse;
  readonly #asked: Asked;
  readonly #options: SolveOptions<unknown>;
  readonly #start: NamedTensors | undefined;

  constructor(run: PreparedRun, course: OrdinaryCourse, asked: Asked) {
    const { settings, options } = asked;
    this.#run = run;
    this.#course = course;
    this.#asked = asked;
    this.#options = solveOptions(settings.solver, settings.diagnose, undefined);
    this.#start = options.start;
  }

  result(): ImplicitDerivative<NamedTensors> | undefined {
    const run = this.#run;
    const { settings, count, options } = this.#asked;
    const { diagnose, onFailure } = settings;
    const outerLoss = run.outerGradients();
    if (!Number.isFinite(outerLoss)) return undefined;
    const innerGradientNorm = diagnose ? this.#innerGradientNorm() : Number.NaN;
    if (innerGradientNorm === undefined) return undefined;
    const solved = this.#solved();
    if (solved === undefined) return undefined;
    const { value: v, status, residualNorm, iterations } = solved;
    if (onFailure === 'throw' && status !== 'converged') return undefined;

    this.#note();
    run.mixedBack(v, run.mixed);
    const value = run.mixed;
    run.combine(value, [1, -1], [run.dλ, run.mixed]);
    const norm = run.space.norm(value);
    if (!Number.isFinite(norm)) return undefined;
    if (flatZerosOf(run.space, [value, run.dλ]).length > 0) return undefined;
    options.flat?.noteOuter(outerLoss);
    return {
      value: run.space.toTensors(value),
      adjoint: run.space.toTensors(v),
      stats: {
        status,
        residual: diagnose ? residualNorm : Number.NaN,
        iterations,
        innerGradientNorm,
        norm,
        products: count.products,
        seconds: 0,
        zero: [],
        execution: 'compiled',
      },
    };
  }

  /** Before a product. */
  #note(): void {
    const { count } = this.#asked;
    count.watch?.();
    count.products++;
  }

  #innerGradientNorm(): number | undefined {
    const run = this.#run;
    const loss = run.innerGradient();
    const norm = run.space.norm(run.gradient!);
    if (!Number.isFinite(loss) || !Number.isFinite(norm)) return undefined;
    this.#asked.options.flat?.noteInner(loss);
    return norm;
  }

  /** The solution of `(A + τI) v = b`, at one of the places of the run. */
  #solved(): (SolveReport & { value: Flat }) | undefined {
    const { alpha, damping, keepsBest } = this.#course;
    const run = this.#run;
    const { space, b, x, r, p, best } = run;
    const bSquared = space.dot(b, b);
    const energy = this.#begin();
    const first = this.#start === undefined ? bSquared : space.dot(r, r);
    const stop = ordinaryStop(this.#course, this.#options, space, { bSquared, first });
    if (stop === undefined) return undefined;
    let report = { taken: 0, residual: first, best: first };
    if (stop.count > 0) {
      if (alpha === undefined) run.copy(r, p);
      if (keepsBest) run.copy(x, best);
      this.#asked.count.watch?.();
      const began = performance.now();
      report = run.solve({ ...stop, alpha, tau: damping, residual: first, keepsBest });
      run.portions.took(report.taken, performance.now() - began);
      this.#asked.count.products += report.taken;
      if (!isOrdinaryEnd(stop, report)) return undefined;
    }
    return endsBlind(this.#course, this.#options)
      ? this.#withLastTerm(report.taken)
      : this.#judged(stop.goal, { bSquared, first, energy }, report);
  }

  /** Puts the start into x and its residual into r; returns its energy. */
  #begin(): number {
    const run = this.#run;
    const { b, x, r, q } = run;
    if (this.#start === undefined) {
      run.space.clear(x);
      run.copy(b, r);
      return 0;
    }
    run.space.put(this.#start, x);
    this.#multiply(x, q);
    run.combine(r, [1, -1], [b, q]);
    return this.#energy(x, r);
  }

  /** out ← `(A + τI) v`. */
  #multiply(v: Flat, out: Flat): void {
    const { damping } = this.#course;
    this.#note();
    this.#run.multiply(v, out);
    if (damping !== 0) this.#run.combine(out, [damping, 1], [v, out]);
  }

  /** `½ xᵀAx − bᵀx`, from the residual r of x. */
  #energy(x: Flat, r: Flat): number {
    const { space, b } = this.#run;
    return -0.5 * (space.dot(x, b) + space.dot(x, r));
  }

  /** A series whose last term needs no product. */
  #withLastTerm(taken: number): SolveReport & { value: Flat } {
    const run = this.#run;
    run.combine(run.q, [this.#course.alpha!, 1], [run.r, run.x]);
    const report = { iterations: taken + 1, residualNorm: Number.NaN };
    return { value: run.q, ...report, status: 'max-iterations' };
  }

  /** The best iterate, its residual looked at where that is due. */
  #judged(
    goal: number,
    { bSquared, first, energy }: { bSquared: number; first: number; energy: number },
    { taken, best: claimed }: { taken: number; best: number },
  ): (SolveReport & { value: Flat }) | undefined {
    const run = this.#run;
    const { space, b, q, p } = run;
    const value = this.#course.keepsBest ? run.best : run.x;
    let status: SolveReport['status'] | undefined;
    let residual = claimed;
    if (isToBeVerified(this.#course, this.#options, claimed <= goal)) {
      this.#multiply(value, q);
      run.combine(p, [1, -1], [b, q]);
      residual = space.dot(p, p);
      const now = { residual, energy: this.#energy(value, p) };
      const both = { before: { residual: first, energy }, now };
      status = verifiedStatus(this.#course, space, { taken, goal }, both);
    } else status = claimed <= goal ? 'converged' : 'max-iterations';
    if (status === undefined) return undefined;
    const norms = { b: Math.sqrt(bSquared), x: space.norm(value) };
    if (!stands(this.#course, space, { status }, norms)) return undefined;
    return { value, status, iterations: taken, residualNorm: Math.sqrt(residual) };
  }
}
