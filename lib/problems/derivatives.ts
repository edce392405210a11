import type { Spectrum } from '../methods';
import type { LinearOperator } from '../spaces';

/**
 * An inner problem `f(w, λ)` by its derivatives, in double precision.
 *
 * Methods that use a fresh minibatch in every step find it by the number of the step, from 1.
 */
export interface InnerDerivatives {
  /** `∇_w f`. */
  innerGradient(w: Float64Array, λ: Float64Array, step?: number): Float64Array;
  /** `∂²f/∂w²`, symmetric. */
  innerHessian(w: Float64Array, λ: Float64Array, step?: number): InnerHessian;
  /** `B = ∂²f/∂w∂λ`, a matrix with a row for each weight and a column for each hyperparameter. */
  innerMixed(w: Float64Array, λ: Float64Array, step?: number): MixedDerivative;
}

/** Products with `H = ∂²f/∂w²`. */
export interface InnerHessian extends LinearOperator<Float64Array> {
  /**
   * `H v` for several v one after the other in one array, where that costs less than one by one: added
   * to `out`, in the same order.
   */
  addProducts?(vs: Float64Array, out: Float64Array): void;
}

/** Products with `B = ∂²f/∂w∂λ`. */
export interface MixedDerivative {
  /** `B v`. */
  jvp(v: Float64Array): Float64Array;
  /** `Bᵀ u`. */
  vjp(u: Float64Array): Float64Array;
  /** B by its columns, one after the other, where they are computed together: added to `out`. */
  addColumns?(out: Float64Array): void;
}

/** An inner problem at one value of its parameters, whose solution and Jacobian are known. */
export interface SolvedProblem extends InnerDerivatives {
  /** θ, where the solution is differentiated. */
  readonly theta: Float64Array;
  readonly start: Start;
  readonly solution: InnerSolution;
  /** Bounds of the eigenvalues of the Hessian, wherever an iteration goes. */
  readonly spectrum: Spectrum;
}

/** x₀ and its Jacobian, by columns: one vector for each parameter. */
export interface Start {
  x: Float64Array;
  jacobian: Float64Array[];
}

/** x* and its Jacobian, by columns. */
export interface InnerSolution {
  x: Float64Array;
  jacobian: Float64Array[];
}
