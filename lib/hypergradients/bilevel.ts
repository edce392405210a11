import { InputError } from '../errors';
import { checkFunction, checkMethods, checkOptionNames, checkRecord, shown } from '../options';
import type { SolverStatus } from '../solvers';
import type { NamedTensors, Vector } from '../spaces';
import type { DifferentiateUnrolled, LossProblem, UnrolledOptions } from '../unrolling';
import { Run } from './bilevel-run';
import { type BilevelCheckpoint, checkCheckpoint } from './checkpoint';
import type { DifferentiateImplicit, ImplicitOptions } from './implicit';
import { type InnerOptimizer, isOptimizer, livesOnGradients, type OuterOptimizer } from './mover';
import type { BatchedProblem, ValuedProblem } from './problem';
import { checkPair, checkProblem } from './problem';

/** The batches of a run; plain data (indices, arrays) are best, since nobody frees a tensor here. */
export interface BatchPlan<B> {
  /** The batch of the t-th inner step, counted from 1 over the whole run. */
  inner(t: number): B;
  /** The batch of the outer loss in the k-th outer step, from 1: for ∂g/∂w and ∂g/∂λ. */
  outer(k: number): B;
  /** The batch of H and B in the k-th outer step. Default: that of the last inner step. */
  curvature?(k: number): B;
  /**
   * The batch of the j-th product with H in the k-th outer step, j from 1, for
   * `implicit({ solver: neumann({ terms, scale }) })`. Drawn independently, they take the bias of one
   * batch away; `curvature` is then B's alone. Default: `curvature` for all.
   */
  factors?(k: number, j: number): B;
}

/** How a bilevel run is done. */
export interface BilevelOptions<B, V extends Vector = NamedTensors> {
  /** The weights to start from; copied. */
  w: V;
  /** The hyperparameters to start from; copied. */
  λ: V;
  /** For problems that see batches. */
  batches?: BatchPlan<B>;
  /** With `implicit` only: who moves the weights, and how often between two outer steps. */
  inner?: { optimizer: InnerOptimizer; steps: number };
  /**
   * Who moves the hyperparameters: any `tf.Optimizer`, `stepControl()`, or a method such as
   * `gradientDescent(0.1)`; float64 problems take the last two.
   */
  outer: { optimizer: OuterOptimizer };
  /** `implicit(…)`, or `unrolled(…)`, which brings its own inner method. */
  how:
    | (DifferentiateImplicit & ImplicitOptions)
    | (DifferentiateUnrolled & Pick<UnrolledOptions, 'steps'>);
  /** The number of outer steps. Default: no end. */
  steps?: number;
  /**
   * Start every outer step from the first w again, the inner optimizer as new. Default: go on from
   * the last w.
   */
  restart?: boolean;
  /**
   * With `implicit` only, εₖ of outer step k = 1, 2, …: inner steps end where `‖∇_w f‖ ≤ εₖ`, and
   * the linear system is solved to the relative residual `min(εₖ, ½)`, unless by a solver of your own.
   * See `decreasingTolerance`.
   */
  tolerance?: (k: number) => number;
  /** A saved run, which goes on where it was; the optimizers have to be new. */
  checkpoint?: BilevelCheckpoint;
  /** Is told how far the run has come, in outer steps and parts of them: `progress(steps, label)`. */
  progress?: { update(done: number, note?: string): void };
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
  /** With `implicit`: the hyperparameters that nothing depends on, as `ImplicitStats.zero`. */
  zero?: string[];
  /** What the outer loss has marked by `markAuxiliary`, as numbers: `{ accuracy: 0.9 }`. */
  auxiliary?: Record<string, number | number[]>;
  /** Inner steps of this outer step. */
  innerSteps: number;
  /** Products with derivatives of inner gradients. */
  products: number;
  seconds: number;
}

/** A bilevel run, from which outer steps are taken as long as somebody asks for them. */
export interface BilevelRun<V extends Vector = NamedTensors> extends AsyncIterable<OuterStep> {
  /** The weights as they are now; the run's own, to be copied if they are to last. */
  readonly w: V;
  /** The hyperparameters as they are now; likewise. */
  readonly λ: V;
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
 * leaves the run as it is, and a new loop goes on. A step that throws leaves w, λ and what the
 * optimizers remember as before it; so does one that is cut short where nothing is thrown, as by a
 * notebook's interrupt, as soon as the run is used again: no step is lost or done twice.
 *
 * @throws InputError for options that exclude each other; while running, what `hypergradient`
 *   throws, and NotFiniteError for an inner or outer loss that is not finite.
 * @see Pedregosa 2016, Algorithm 1 (HOAG); Lorraine, Vicol & Duvenaud 2020, Algorithm 1.
 */
export function bilevel(
  problem: ValuedProblem,
  options: BilevelOptions<never, Float64Array>,
): BilevelRun<Float64Array>;
export function bilevel(problem: LossProblem, options: BilevelOptions<never>): BilevelRun;
export function bilevel<B>(
  problem: BatchedProblem<B>,
  options: BilevelOptions<B> & { batches: BatchPlan<B> },
): BilevelRun;
export function bilevel<B, V extends Vector>(
  problem: ValuedProblem | LossProblem | BatchedProblem<B>,
  options: BilevelOptions<B, V>,
): BilevelRun<V> {
  checkOptions(options);
  checkProblem(problem, options.w, options.batches !== undefined);
  checkMethods(problem, 'the problem', ['inner']);
  return new Run(problem, options);
}

/** `εₖ = first · factorᵏ⁻¹`: summable, as HOAG's convergence asks. Defaults .1 and .9. */
export function decreasingTolerance(
  options: { first?: number; factor?: number } = {},
): (k: number) => number {
  checkOptionNames('decreasingTolerance', options, ['first', 'factor']);
  const { first = 0.1, factor = 0.9 } = options;
  if (![first, factor].every(Number.isFinite) || !(first > 0 && factor > 0 && factor < 1)) {
    throw new InputError({
      given: `decreasingTolerance({ first: ${shown(first)}, factor: ${shown(factor)} })`,
      expected: 'a positive first tolerance and a factor between 0 and 1',
      remedy: 'The errors must have a finite sum for the run to converge.',
    });
  }
  return (k) => first * factor ** (k - 1);
}

const NAMES = [
  'w',
  'λ',
  'batches',
  'inner',
  'outer',
  'how',
  'steps',
  'restart',
  'tolerance',
  'checkpoint',
  'progress',
];

function checkOptions<B, V extends Vector>(options: BilevelOptions<B, V>): void {
  checkOptionNames('bilevel', options, NAMES);
  const { how, inner, outer, tolerance, steps, batches, w, λ, progress, checkpoint } = options;
  const wrong = (given: string, expected: string, remedy: string) =>
    new InputError({ given, expected, remedy });
  const isWay = how?.name === 'implicit' || how?.name === 'unrolled';
  if (!isWay || typeof how.differentiate !== 'function') {
    throw wrong('no way of differentiating', 'how: implicit(…) or unrolled(…)', 'Pass one.');
  }
  checkRecord(outer, 'outer', '{ optimizer }');
  // What fits inside fits outside: one step is what is taken.
  const { steps: outerSteps = 1 } = outer as Partial<NonNullable<typeof inner>>;
  checkOptionNames('outer', outer, outerSteps === 1 ? ['optimizer', 'steps'] : ['optimizer']);
  if (inner !== undefined) checkOptionNames('inner', inner, ['optimizer', 'steps']);
  checkPair(w, λ);
  if (progress !== undefined) checkMethods(progress, 'the progress', ['update']);
  if (tolerance !== undefined) checkFunction(tolerance, 'the tolerance');
  if (batches !== undefined) {
    checkOptionNames('batches', batches, ['inner', 'outer', 'curvature', 'factors']);
    checkMethods(batches, 'the batches', ['inner', 'outer']);
  }
  if (checkpoint !== undefined) checkCheckpoint(checkpoint);
  if (!isOptimizer(outer.optimizer)) {
    throw wrong('no outer optimizer', 'outer: { optimizer }', 'Pass tf.train.adam(0.01), say.');
  }
  if (!livesOnGradients(outer.optimizer)) {
    throw wrong(
      'an implicit optimizer for the hyperparameters',
      'one that steps by gradients alone',
      'The curvature of the outer loss in λ is not known: take tf.train.adam(0.01) or stepControl().',
    );
  }
  if (steps !== undefined && !(Number.isSafeInteger(steps) && steps >= 1)) {
    throw wrong(
      `steps: ${shown(steps)}`,
      'a whole number of at least 1',
      'Leave it out for no end.',
    );
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
  if (!counted || !isOptimizer(inner.optimizer)) {
    throw wrong(
      inner === undefined ? 'no inner optimizer' : `inner: { steps: ${shown(inner.steps)} }`,
      'inner: { optimizer, steps } with an optimizer and a whole number of steps',
      'implicit() differentiates at the weights that the inner optimizer has reached.',
    );
  }
  if (inner.optimizer === outer.optimizer && 'minimize' in inner.optimizer) {
    throw wrong(
      'one optimizer for weights and hyperparameters',
      'one for each',
      'An optimizer remembers moments of what it moves: make two of them.',
    );
  }
}
