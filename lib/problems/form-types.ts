import type { Execution } from '../autodiff';
import type { Pausing } from '../event-loop';
import type { LinearOperator, NamedTensors, SolverLoops } from '../spaces';

/** The gradient of an inner objective f at fixed hyperparameters, for every step and every w. */
export interface InnerForm<V> {
  /** `∇_w f(w, λ)`. */
  gradient(w: V, step: number): V;
  /** The same with its derivative. */
  linearize(w: V, step: number): GradientDerivative<V>;
  /** The same to be left for a while, where it takes long; gradients are kept. */
  readonly inPieces?: {
    gradient(w: V, step: number): Pausing<V>;
    linearize(w: V, step: number): Pausing<GradientDerivative<V>>;
  };
}

/** What implicit and unrolled derivatives need of a bilevel problem at λ. */
export interface Form<V> extends InnerForm<V> {
  /** The gradients of the outer loss at w, which belong to the caller. */
  outer(w: V): OuterGradients<V>;
  /** The same to be left for a while, where it takes long; kept. */
  outerInPieces?(w: V): Pausing<OuterGradients<V>>;
  /**
   * The curvature of the inner loss with respect to w, at its first step; the caller disposes it.
   *
   * @throws InputError for Gauss–Newton of a float64 problem that does not give it, or of a loss
   *   that marks no output.
   */
  curvature(w: V, kind: InnerCurvature): LinearOperator<V>;
  /** The same to be left for a while, where it takes long. */
  curvatureInPieces?(w: V, kind: InnerCurvature): Pausing<LinearOperator<V>>;
}

/** A gradient and its derivative with respect to w and λ. */
export interface GradientDerivative<V> {
  /** Owned by this derivative; computed when it is first read, where it can be. */
  readonly value: V;
  /** `H dw + B dλ`. */
  jvp(dw: V, dλ: V): V;
  /**
   * `H dwⱼ + B eⱼ` for each hyperparameter j, where that costs less than one after the other: into `out`,
   * the vectors of either one after the other.
   */
  jvpAll?(dws: V, out: V): void;
  /** `H u` and `Bᵀ u`. */
  vjp(u: V): { w: V; λ: V };
  /** `H v` alone, where that is less work. */
  hessian?(v: V): V;
  /** H as the problem gives it, where it does; it goes with this derivative. */
  readonly operator?: LinearOperator<V>;
  /** Iterations of solves with H, many in one call. */
  readonly loops?: SolverLoops<V>;
  /** How its products are computed; undefined in float64, where they are the problem's own. */
  readonly execution?: Execution;
  /** `Bᵀ u` alone, where that is less work: what the hyperparameters do not decide is left out. */
  mixed?(u: V): V;
  /** The same products in pieces, if they take long; their results are kept. */
  readonly inPieces?: DerivativePieces<V>;
  dispose(): void;
}

/** Products with the derivative of a gradient that can be left for a while. */
export interface DerivativePieces<V> {
  jvp(dw: V, dλ: V): Pausing<V>;
  vjp(u: V): Pausing<{ w: V; λ: V }>;
  hessian?(v: V): Pausing<V>;
  mixed?(u: V): Pausing<V>;
}

/** The partial gradients of the outer loss, and the values marked by `markAuxiliary`. */
export interface OuterGradients<V> {
  dw: V;
  dλ: V;
  auxiliary?: NamedTensors;
}

/** The matrix of the linear system: the inner Hessian, or what replaces it. */
export type InnerCurvature = 'hessian' | 'gauss-newton';
