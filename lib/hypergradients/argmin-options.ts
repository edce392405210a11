import type * as tf from '@tensorflow/tfjs';
import type { LinearSolver } from '../solvers';
import type { NamedTensors } from '../spaces';
import type { OnFailure } from './failure';

/** A solution: a tensor, or named ones. */
export type Point = tf.Tensor | NamedTensors;

/** `F(x, θ₁, θ₂, …)` in the shape of x; 0 at the solution. */
export type Optimality<X extends Point> = (x: X, ...θ: tf.Tensor[]) => X;

export interface ArgminOptions {
  /**
   * What happens where the linear solve does not converge: `'return'` (default) warns and goes on with
   * the best v met, `'throw'` throws a SolveError with the status. On a GPU, where the status is not
   * known without waiting, `'throw'` is refused.
   */
  onFailure?: OnFailure;
  /** Solves `(∂F/∂x)ᵀ v = u`. Default `gmres({ tolerance: 1e-5 })`; `cg()` for a gradient. */
  solver?: LinearSolver;
}
