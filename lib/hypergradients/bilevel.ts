import * as tf from '@tensorflow/tfjs';
import { InputError, NotFiniteError } from '../errors';
import { type SolverStatus, solverFromRecord } from '../solvers';
import { mapTensors, type NamedTensors, tensors } from '../spaces';
import type { DifferentiateUnrolled, LossProblem, UnrolledOptions } from '../unrolling';
import { type BilevelCheckpoint, loadLike, loadOptimizer, save, saveOptimizer } from './checkpoint';
import {
  type DifferentiateImplicit,
  type ImplicitOptions,
  implicit,
  squaredNorms,
} from './implicit';
import { assign, innerStep } from './inner-step';
import { type BatchedProblem, onBatches } from './problem';

/** The batches of a run; plain data (indices, arrays) are best, since nobody frees a tensor here. */
export interface BatchPlan<B> {
  /** The batch of the t-th inner step, counted from 1 over the whole run. */
  inner(t: number): B;
  /** The batch of the outer loss in the k-th outer step, from 1: for ∂g/∂w and ∂g/∂λ. */
  outer(k: number): B;
  /** The batch of H and B in the k-th outer step. Default: that of the last inner step. */
  curvature?(k: number): B;
}

/** How a bilevel run is done. */
export interface BilevelOptions<B> {
  /** The weights to start from; copied. */
  w: NamedTensors;
  /** The hyperparameters to start from; copied. */
  λ: NamedTensors;
  /** For problems that see batches. */
  batches?: BatchPlan<B>;
  /** With `implicit` only: who moves the weights, and how often between two outer steps. */
  inner?: { optimizer: tf.Optimizer; steps: number };
  outer: { optimizer: tf.Optimizer };
  /** `implicit(…)`, or `unrolled(…)`, which brings its own inner method. */
  how: (DifferentiateImplicit & ImplicitOptions) | (DifferentiateUnrolled & UnrolledOptions);
  /** The number of outer steps. Default: no end. */
  steps?: number;
  /** Start every outer step from the first w again. Default: go on from the last one. */
  restart?: boolean;
  /**
   * With `implicit` only, εₖ of outer step k = 1, 2, …: inner steps end where `‖∇_w f‖ ≤ εₖ`, and
   * the linear system is solved to the relative residual `min(εₖ, ½)`. See `decreasingTolerance`.
   */
  tolerance?: (k: number) => number;
  /** A saved run, which goes on where it was; the optimizers have to be new. */
  checkpoint?: BilevelCheckpoint;
}

/** One outer step: what was seen at w and the λ that it was trained with. */
export interface OuterStep {
  /** k, from 1. */
  step: number;
  innerLoss: number;
  outerLoss: number;
  /** `‖dg/dλ‖₂`. */
  hypergradientNorm: number;
  /** With `implicit`: how far w is from an inner solution. */
  innerGradientNorm?: number;
  /** With `implicit`, unless it was not asked for: the bound of the hypergradient's error. */
  error?: number;
  /** With `implicit`: how the linear solve ended. */
  status?: SolverStatus;
  /** Inner steps of this outer step. */
  innerSteps: number;
  seconds: number;
}

/** A bilevel run, from which outer steps are taken as long as somebody asks for them. */
export interface BilevelRun extends AsyncIterable<OuterStep> {
  /** The weights as they are now; the run's own, to be copied if they are to last. */
  readonly w: NamedTensors;
  /** The hyperparameters as they are now; likewise. */
  readonly λ: NamedTensors;
  /** Between two steps: all that is needed to go on later, with new optimizers of the same kind. */
  save(): Promise<BilevelCheckpoint>;
  /** Frees the weights and hyperparameters; the optimizers are the caller's. */
  dispose(): void;
}

/**
 * Optimizes hyperparameters by their hypergradient: inner steps on w, one outer step on λ, and on.
 *
 * In step k the inner optimizer moves w on `inner(w, λₖ)`, the hypergradient is taken at that w,
 * warm-started from the last adjoint, and the outer optimizer moves λ. Leaving the loop (`break`)
 * leaves the run as it is, and a new loop goes on. A step that throws leaves w and λ as before it.
 *
 * @throws InputError for options that exclude each other; while running, what `hypergradient`
 *   throws, and NotFiniteError for an inner or outer loss that is not finite.
 * @see Pedregosa 2016, Algorithm 1 (HOAG); Lorraine, Vicol & Duvenaud 2020, Algorithm 1.
 */
export function bilevel(problem: LossProblem, options: BilevelOptions<never>): BilevelRun;
export function bilevel<B>(
  problem: BatchedProblem<B>,
  options: BilevelOptions<B> & { batches: BatchPlan<B> },
): BilevelRun;
export function bilevel<B>(
  problem: LossProblem | BatchedProblem<B>,
  options: BilevelOptions<B>,
): BilevelRun {
  checkOptions(options);
  return new Run(problem as BatchedProblem<B>, options);
}

/** `εₖ = first · factorᵏ⁻¹`: summable, as HOAG's convergence asks. Defaults .1 and .9. */
export function decreasingTolerance({ first = 0.1, factor = 0.9 } = {}): (k: number) => number {
  if (!(first > 0 && factor > 0 && factor < 1)) {
    throw new InputError({
      given: `decreasingTolerance({ first: ${first}, factor: ${factor} })`,
      expected: 'a positive first tolerance and a factor between 0 and 1',
      remedy: 'The errors must have a finite sum for the run to converge.',
    });
  }
  return (k) => first * factor ** (k - 1);
}

type Variables = Record<string, tf.Variable>;

class Run<B> implements BilevelRun {
  readonly #problem: BatchedProblem<B>;
  readonly #options: BilevelOptions<B>;
  readonly #w: Variables;
  readonly #λ: Variables;
  readonly #start: NamedTensors | undefined;
  #adjoint: NamedTensors | undefined;
  #step = 0;
  #innerSteps = 0;
  /** Resolves when the optimizers have their saved state. */
  #ready: Promise<void> | undefined;

  constructor(problem: BatchedProblem<B>, options: BilevelOptions<B>) {
    const { w, λ, checkpoint, restart } = options;
    this.#problem = problem;
    this.#options = options;
    this.#w = variablesOf(w, checkpoint?.w, 'the saved w');
    this.#λ = variablesOf(λ, checkpoint?.λ, 'the saved λ');
    this.#start = restart ? tensors.keep(tensors.clone(w)) : undefined;
    if (checkpoint === undefined) return;
    this.#step = checkpoint.step;
    this.#innerSteps = checkpoint.innerSteps;
    if (checkpoint.adjoint !== undefined) {
      this.#adjoint = tensors.keep(loadLike(checkpoint.adjoint, w, 'the saved adjoint'));
    }
  }

  get w(): NamedTensors {
    return this.#w;
  }

  get λ(): NamedTensors {
    return this.#λ;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<OuterStep, void, undefined> {
    this.#ready ??= this.#loadOptimizers();
    await this.#ready;
    const { steps = Number.POSITIVE_INFINITY } = this.#options;
    while (this.#step < steps) yield await this.#outerStep();
  }

  async save(): Promise<BilevelCheckpoint> {
    this.#ready ??= this.#loadOptimizers();
    await this.#ready;
    const { inner, outer } = this.#options;
    const checkpoint: BilevelCheckpoint = {
      step: this.#step,
      innerSteps: this.#innerSteps,
      w: await save(this.#w),
      λ: await save(this.#λ),
      outerOptimizer: await saveOptimizer(outer.optimizer),
    };
    if (inner !== undefined) checkpoint.innerOptimizer = await saveOptimizer(inner.optimizer);
    if (this.#adjoint !== undefined) checkpoint.adjoint = await save(this.#adjoint);
    return checkpoint;
  }

  dispose(): void {
    tensors.free([this.#w, this.#λ, this.#start, this.#adjoint]);
  }

  async #outerStep(): Promise<OuterStep> {
    const began = performance.now();
    const k = this.#step + 1;
    const innerSteps = this.#innerSteps;
    const before = tensors.keep(tensors.clone(this.#w));
    const held: unknown[] = [];
    try {
      if (this.#start !== undefined) assign(this.#w, this.#start);
      const epsilon = this.#options.tolerance?.(k) ?? 0;
      if (this.#options.how.name === 'implicit') await this.#train(epsilon);
      const result = await this.#differentiate(k, epsilon);
      held.push(result.value, result.w);
      if (result.w !== undefined) assign(this.#w, result.w);
      const losses = await this.#losses(k);
      const [squared] = await squaredNorms(tensors, [result.value]);

      this.#options.outer.optimizer.applyGradients(
        Object.fromEntries(
          Object.entries(this.#λ).map(([name, variable]) => [variable.name, result.value[name]!]),
        ),
      );
      this.#step = k;
      return {
        step: k,
        ...losses,
        hypergradientNorm: Math.sqrt(squared!),
        ...result.stats,
        innerSteps: this.#innerSteps - innerSteps,
        seconds: (performance.now() - began) / 1000,
      };
    } catch (error) {
      assign(this.#w, before);
      this.#innerSteps = innerSteps;
      throw error;
    } finally {
      tensors.free([before, held]);
    }
  }

  /** Inner steps until there are enough of them, or the gradient is small enough. */
  async #train(enough: number): Promise<void> {
    const { optimizer, steps } = this.#options.inner!;
    const variables = Object.values(this.#w);
    for (let i = 0; i < steps; i++) {
      const batch = this.#innerBatch(this.#innerSteps + 1);
      const f = () => this.#problem.inner(this.#w, this.#λ, batch);
      const { moved } = await innerStep(optimizer, f, variables, enough);
      if (!moved) return;
      this.#innerSteps++;
    }
  }

  async #differentiate(k: number, epsilon: number) {
    const { how } = this.#options;
    const problem = this.#problemOf(k);
    if (how.name === 'unrolled') {
      const { value, w, adjoint } = await how.differentiate(problem, this.#w, this.#λ);
      tensors.free(adjoint);
      this.#innerSteps += how.steps;
      return { value, w, stats: {} };
    }
    const start = this.#adjoint;
    const { value, adjoint, stats } = await tightened(how, epsilon).differentiate(
      problem,
      this.#w,
      this.#λ,
      start === undefined ? {} : { start },
    );
    tensors.free(start);
    this.#adjoint = adjoint;
    const { innerGradientNorm, status, error } = stats;
    const known = { innerGradientNorm, status };
    return {
      value,
      w: undefined,
      stats: error === undefined ? known : { ...known, error: error.bound },
    };
  }

  async #losses(k: number): Promise<Pick<OuterStep, 'innerLoss' | 'outerLoss'>> {
    const { inner, outer } = this.#problemOf(k);
    const losses = tf.tidy(() => {
      const losses = [inner(this.#w, this.#λ, this.#innerSteps), outer(this.#w, this.#λ)];
      return losses.map((loss) => tf.keep(loss.clone()));
    });
    const [innerLoss, outerLoss] = await tensors.read(losses);
    tf.dispose(losses);
    if (Number.isFinite(innerLoss) && Number.isFinite(outerLoss)) {
      return { innerLoss: innerLoss!, outerLoss: outerLoss! };
    }
    throw new NotFiniteError({
      given: `an inner loss of ${innerLoss} and an outer loss of ${outerLoss}`,
      expected: 'finite losses',
      remedy: 'Look for a NaN in the batch, or take shorter steps.',
    });
  }

  /** The problem on the batches of outer step k. */
  #problemOf(k: number): LossProblem {
    const { batches, how } = this.#options;
    // Without batches the losses are those of a LossProblem, whose third argument is a step.
    if (batches === undefined) return this.#problem as unknown as LossProblem;
    const outer = batches.outer(k);
    if (how.name === 'unrolled') {
      const from = this.#innerSteps;
      return {
        inner: (w, λ, step) => this.#problem.inner(w, λ, batches.inner(from + step)),
        outer: (w, λ) => this.#problem.outer(w, λ, outer),
      };
    }
    const inner = batches.curvature?.(k) ?? batches.inner(Math.max(1, this.#innerSteps));
    return onBatches(this.#problem, { inner, outer });
  }

  #innerBatch(t: number): B {
    // A LossProblem gets the number of the step for its batch.
    return this.#options.batches?.inner(t) ?? (t as B);
  }

  async #loadOptimizers(): Promise<void> {
    const { checkpoint, inner, outer } = this.#options;
    if (checkpoint === undefined) return;
    await loadOptimizer(outer.optimizer, checkpoint.outerOptimizer);
    if (inner !== undefined && checkpoint.innerOptimizer !== undefined) {
      await loadOptimizer(inner.optimizer, checkpoint.innerOptimizer);
    }
  }
}

/** The same way, with the tolerance of its solver set. */
function tightened(how: DifferentiateImplicit & ImplicitOptions, tolerance: number) {
  if (tolerance === 0) return how;
  const { solver, ...rest } = how;
  const tight = solverFromRecord({ ...solver!, tolerance: Math.min(tolerance, 0.5) } as never);
  return implicit({ ...rest, solver: tight });
}

function variablesOf(
  x: NamedTensors,
  saved: BilevelCheckpoint['w'] | undefined,
  what: string,
): Variables {
  const values = saved === undefined ? tensors.clone(x) : loadLike(saved, x, what);
  const variables = mapTensors(values, (value) => tf.keep(tf.variable(value as tf.Tensor)));
  tensors.free(values);
  return variables as Variables;
}

function checkOptions<B>({ how, inner, outer, tolerance, steps }: BilevelOptions<B>): void {
  const wrong = (given: string, expected: string, remedy: string) =>
    new InputError({ given, expected, remedy });
  if (how?.name !== 'implicit' && how?.name !== 'unrolled') {
    throw wrong('no way of differentiating', 'how: implicit(…) or unrolled(…)', 'Pass one.');
  }
  if (typeof outer?.optimizer?.minimize !== 'function') {
    throw wrong('no outer optimizer', 'outer: { optimizer }', 'Pass tf.train.adam(0.01), say.');
  }
  if (steps !== undefined && !(Number.isSafeInteger(steps) && steps >= 1)) {
    throw wrong(`steps: ${steps}`, 'a whole number of at least 1', 'Leave it out for no end.');
  }
  if (how.name === 'unrolled') {
    if (inner === undefined && tolerance === undefined) return;
    throw wrong(
      `${inner === undefined ? 'a tolerance' : 'an inner optimizer'} beside unrolled()`,
      'the method and the steps of unrolled() alone',
      'Leave it out: what is differentiated is what unrolled() does.',
    );
  }
  const counted = inner !== undefined && Number.isSafeInteger(inner.steps) && inner.steps >= 0;
  if (counted && typeof inner.optimizer?.minimize === 'function') return;
  throw wrong(
    inner === undefined ? 'no inner optimizer' : `inner: { steps: ${inner.steps} }`,
    'inner: { optimizer, steps } with a tf.Optimizer and a whole number of steps',
    'implicit() differentiates at the weights that the inner optimizer has reached.',
  );
}
