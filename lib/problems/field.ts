import * as tf from '@tensorflow/tfjs';
import {
  gradientOf,
  linearize,
  recordGradientOf,
  rememberedOf,
  valueAndGradient,
} from '../autodiff';
import { float64, type NamedTensors } from '../spaces';
import type { InnerDerivatives } from './derivatives';

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
  /** `H v` alone, where that is less work. */
  hessian?(v: V): V;
  /** `Bᵀ u` alone, where that is less work: what the hyperparameters do not decide is left out. */
  mixed?(u: V): V;
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
        jvp(dw, dλ) {
          const Hw = H.apply(dw);
          const Bλ = B.jvp(dλ);
          return float64.axpy(1, Hw, Bλ);
        },
        vjp: (u) => ({ w: H.apply(u), λ: B.vjp(u) }),
        dispose: () => H.dispose(),
      };
    },
  };
}

/** An inner loss on named tensors; methods with minibatches find them by the number of the step. */
export type InnerLoss = (w: NamedTensors, λ: NamedTensors, step: number) => tf.Scalar;

/**
 * The field of a loss on named tensors, at λ.
 *
 * @param declared the loss as it was given, which `compiled` may have made
 */
export function tensorField(
  inner: InnerLoss,
  λ: NamedTensors,
  declared: unknown = inner,
): GradientField<NamedTensors> {
  const remembered = rememberedOf(declared);
  const gradientAt = (w: NamedTensors, λ: NamedTensors, step: number) =>
    valueAndGradient((x) => inner(x, λ, step), w).gradient;
  return {
    gradient: (w, step) =>
      gradientOf((w, λ) => inner(w, λ, step), w, λ, remembered) ??
      tf.tidy(() => gradientAt(w, λ, step)),
    linearize(w, step) {
      const traced = recordGradientOf((w, λ) => inner(w, λ, step), w, λ, remembered);
      if (traced !== undefined) return { ...traced, value: traced.gradient };
      const recorded = linearize(
        (both) => {
          const parts = split(both);
          return gradientAt(parts.w, parts.λ, step);
        },
        join(w, λ),
      );
      return {
        value: recorded.value,
        jvp: (dw, dλ) => recorded.jvp(join(dw, dλ)),
        vjp: (u) => split(recorded.vjp(u)),
        dispose: () => recorded.dispose(),
      };
    },
  };
}

/** Weights and hyperparameters as one record; they may have names in common. */
export const join = (w: NamedTensors, λ: NamedTensors): NamedTensors => ({
  ...prefixed('w/', w),
  ...prefixed('λ/', λ),
});

const prefixed = (prefix: string, x: NamedTensors) =>
  Object.fromEntries(Object.entries(x).map(([name, value]) => [prefix + name, value]));

export function split(both: NamedTensors): { w: NamedTensors; λ: NamedTensors } {
  const part = (prefix: string) =>
    Object.fromEntries(
      Object.entries(both)
        .filter(([name]) => name.startsWith(prefix))
        .map(([name, value]) => [name.slice(prefix.length), value]),
    );
  return { w: part('w/'), λ: part('λ/') };
}
