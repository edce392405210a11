import { float64 } from '../../spaces';
import { type KnownBilevel, outerLoss, withHypergradient } from './known-bilevel';
import type { Penalty } from './penalty';
import { squaredPenalty, times } from './penalty';

/** The mean loss of some samples, with its derivatives in w. */
export interface MeanLoss {
  value(w: Float64Array): number;
  gradient(w: Float64Array): Float64Array;
  /** `v ↦ H v` for the Hessian at w. */
  curvature(w: Float64Array): (v: Float64Array) => Float64Array;
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
  const inner: Inner = {
    inner: (w, λ) => fit.value(w) + penalties.value(w, λ),
    innerGradient: (w, λ) => float64.axpy(1, fit.gradient(w), times(penalties.each(λ), w)),
    innerHessian(w, λ) {
      const each = penalties.each(λ);
      const curvature = fit.curvature(w);
      return { apply: (v) => float64.axpy(1, curvature(v), times(each, v)), dispose() {} };
    },
  };
  return withHypergradient({
    ...inner,
    weights,
    hyperparameters: penalties.count,
    innerMixed: (w) => penalties.mixed(w),
    outer: (w) => outerLoss(error.value(w), error.gradient(w), new Float64Array(penalties.count)),
    solution: solutionOf(inner),
  });
}
