import type { InnerDerivatives } from './problem';

/** The gradient of an inner loss at fixed hyperparameters, for every step and every w. */
export interface GradientField<V> {
  /** `∇_w f(w, λ)`. */
  gradient(w: V, step: number): V;
  /** The same with its derivative. */
  linearize(w: V, step: number): GradientDerivative<V>;
}

/** A gradient and its derivative with respect to w and λ. */
export interface GradientDerivative<V> {
  /** Owned by this derivative. */
  readonly value: V;
  /** `H dw + B dλ`. */
  jvp(dw: V, dλ: V): V;
  /** `H u` and `Bᵀ u`. */
  vjp(u: V): { w: V; λ: V };
  dispose(): void;
}

/** The field of a problem given by its derivatives, at λ. */
export function float64Field(
  problem: InnerDerivatives,
  λ: Float64Array,
): GradientField<Float64Array> {
  return {
    gradient: (w, step) => problem.innerGradient(w, λ, step),
    linearize(w, step) {
      const H = problem.innerHessian(w, λ, step);
      const B = problem.innerMixed(w, λ, step);
      return {
        value: problem.innerGradient(w, λ, step),
        jvp: (dw, dλ) => H.apply(dw).map(plus(B.jvp(dλ))),
        vjp: (u) => ({ w: H.apply(u), λ: B.vjp(u) }),
        dispose: () => H.dispose(),
      };
    },
  };
}

const plus = (y: Float64Array) => (value: number, i: number) => value + y[i]!;
