import { Portions } from '../../event-loop';
import { float64, float64Loops } from '../../spaces';
import { type KnownBilevel, outerLoss, withHypergradient } from './known-bilevel';
import type { Penalty } from './penalty';
import { squaredPenalty, times } from './penalty';

/** The mean loss of some samples, with its derivatives in w. */
export interface MeanLoss {
  value(w: Float64Array): number;
  gradient(w: Float64Array): Float64Array;
  /** `out ← H v` for the Hessian at w. */
  curvature(w: Float64Array): (v: Float64Array, out: Float64Array) => void;
}

type Inner = Pick<KnownBilevel, 'inner' | 'innerGradient' | 'innerHessian'>;

/**
 * `f = fit(w) + ½ Σ λⱼwⱼ²` and `g = error(w)`.
 *
 * @param solutionOf the solver of the inner problem
 */
export function penalized(
  {
    fit,
    error,
    weights,
    penalty,
  }: Record<'fit' | 'error', MeanLoss> & {
    weights: number;
    penalty: Penalty;
  },
  solutionOf: (inner: Inner) => (λ: Float64Array) => Float64Array,
): KnownBilevel {
  const penalties = squaredPenalty(weights, penalty);
  const portions = new Portions();
  const inner: Inner = {
    inner: (w, λ) => fit.value(w) + penalties.value(w, λ),
    innerGradient: (w, λ) => float64.axpy(1, fit.gradient(w), times(penalties.each(λ), w)),
    innerHessian(w, λ) {
      // A copy: the operator is that at λ, whatever becomes of the array.
      const each = penalties.each(λ).slice();
      const curvature = fit.curvature(w);
      const multiply = (v: Float64Array, out: Float64Array) => {
        curvature(v, out);
        for (let j = 0; j < out.length; j++) out[j]! += each[j]! * v[j]!;
      };
      return {
        apply(v) {
          const out = new Float64Array(weights);
          multiply(v, out);
          return out;
        },
        loops: float64Loops(multiply, portions),
        dispose() {},
      };
    },
  };
  return withHypergradient({
    ...inner,
    weights,
    hyperparameters: penalties.count,
    innerMixed: (w) => penalties.mixed(w),
    outer(w) {
      const at = w.slice();
      return outerLoss(
        () => error.value(at),
        error.gradient(at),
        new Float64Array(penalties.count),
      );
    },
    solution: solutionOf(inner),
  });
}
