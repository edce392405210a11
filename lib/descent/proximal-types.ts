import type * as tf from '@tensorflow/tfjs';
import type { Curvature } from '../autodiff';
import type { LinearSolver, SolverStatus } from '../solvers';
import type { NamedTensors } from '../spaces';

/**
 * A loss F that can be evaluated anywhere, with and without its derivatives.
 *
 * Timers have their turn between calls of its functions and within products with the curvature; each call
 * runs to its end. `hessian` evaluates F with its gradient in one call, and from the second call on a
 * structure of F it makes programs too, which takes many times as long as F (`npm run bench -- turns` measures it).
 * `implicitSGD(δ, { exact: true })` does the same in pieces.
 */
export interface ProximalProblem {
  /** F(y); belongs to the caller. */
  loss(y: NamedTensors): tf.Scalar;
  /** F, its gradient and its curvature at y; disposed by the caller. */
  curvatureAt(y: NamedTensors): Curvature;
}

export interface ProximalOptions {
  /** Solves for each Newton step. */
  solver: LinearSolver;
  /**
   * `‖x⁺ − x + δ∇F(x⁺)‖` over `δ‖∇F(x⁺)‖` that counts as solved. Default 1e-5, or the tolerance of
   * the solver where that is smaller, but at least 1e-6: float32 rounds each gradient by about 1e-7.
   */
  tolerance?: number;
  /** Largest number of Newton steps. Default 50. */
  maxIterations?: number;
}

/** The result of an exact implicit step. */
export interface ProximalStep {
  /** x⁺; belongs to the caller. */
  value: NamedTensors;
  /** F(x) before the step. */
  loss: number;
  /** Newton steps. */
  iterations: number;
  /** Products with the curvature. */
  products: number;
  /** `‖x⁺ − x + δ∇F(x⁺)‖`. */
  residualNorm: number;
  status: SolverStatus;
}
