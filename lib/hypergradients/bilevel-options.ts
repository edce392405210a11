import type { Execution } from '../autodiff';
import type { SolverStatus } from '../solvers';
import type { NamedTensors, Vector } from '../spaces';
import type { DifferentiateUnrolled, UnrolledOptions } from '../unrolling';
import type { BilevelCheckpoint, ResumableCheckpoint } from './checkpoint';
import type { DifferentiateImplicit } from './implicit';
import type { ImplicitOptions } from './implicit-options';
import type { InnerOptimizer, OuterOptimizer } from './movers';

/** The batches of a run; plain data (indices, arrays) are best, since no tensor is freed here. */
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

/** The hyperparameters to start from, copied; their name can be written in Latin letters. */
export type Hyperparameters<V> = { λ: V; lambda?: never } | { lambda: V; λ?: never };

/** How a bilevel run is done. */
export type BilevelOptions<B, V extends Vector = NamedTensors> = Hyperparameters<V> &
  BilevelSettings<B, V>;

/** How a bilevel run is done, but for the hyperparameters. */
export interface BilevelSettings<B, V extends Vector = NamedTensors> {
  /** The weights to start from; copied. */
  w: V;
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
   * the linear system is solved to the relative residual `min(εₖ, ½)`, unless by a solver of your own or a wrapped one.
   * See `decreasingTolerance`.
   */
  tolerance?: (k: number) => number;
  /** A saved run, which goes on where it was; the optimizers have to be new. */
  checkpoint?: ResumableCheckpoint;
  /** Called with how far the run has come, in outer steps and parts of them: `progress(steps, label)`. */
  progress?: { update(done: number, note?: string): void };
}

/** One outer step: the values at w and at the λ that w was trained with. */
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
  /** How the hypergradient was computed, as `ImplicitStats.execution`. */
  execution?: Execution;
  seconds: number;
}

/** A bilevel run, which takes outer steps as they are asked for. */
export interface BilevelRun<V extends Vector = NamedTensors> extends AsyncIterable<OuterStep> {
  /** The weights as they are now; the run's own, to be copied if they are to last. */
  readonly w: V;
  /** The hyperparameters as they are now; likewise. */
  readonly λ: V;
  /** λ by another name. */
  readonly lambda: V;
  /** Between two steps: all that is needed to go on later, with new optimizers of the same kind. */
  save(): Promise<BilevelCheckpoint>;
  /** Frees the weights and hyperparameters; the optimizers are the caller's. */
  dispose(): void;
}
