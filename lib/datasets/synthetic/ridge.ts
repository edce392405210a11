import { float64 } from '../../spaces';
import { solvePositive } from './cholesky';
import type { LinearData } from './data';
import { type Penalty, squaredPenalty, times } from './penalty';
import { type KnownBilevel, requireLength, withHypergradient } from './problem';
import { featuresOf, multiply, multiplyTransposed } from './rows';

/**
 * Ridge regression whose penalties are chosen by the error on validation data.
 *
 * `f = ‖Xw − y‖²/(2n) + ½ Σ λⱼwⱼ²`, `g = ‖X̂w − ŷ‖²/(2m)`;
 * `H = XᵀX/n + diag λ`, `w* = H⁻¹Xᵀy/n`, `dg/dλⱼ = −wⱼ (H⁻¹ ∂g/∂w)ⱼ`, summed over j where λ is shared.
 *
 * @param penalty one λ for all weights, or one for each
 * @throws InputError or ShapeError for data, λ or w that do not fit
 *
 * Source: Bengio, "Gradient-based optimization of hyperparameters", 2000, §3.
 */
export function bilevelRidge(
  { train, validation }: Pick<LinearData, 'train' | 'validation'>,
  { penalty = 'per-weight' }: { penalty?: Penalty } = {},
): KnownBilevel {
  const weights = featuresOf(train, validation);
  const penalties = squaredPenalty(weights, penalty);
  const fit = squaredError(train.X, train.y);
  const error = squaredError(validation.X, validation.y);

  const innerHessian = (_: Float64Array, λ: Float64Array) => {
    const each = penalties.each(λ);
    return {
      apply: (v: Float64Array) => float64.axpy(1, fit.curvature(v), times(each, v)),
      dispose() {},
    };
  };
  return withHypergradient({
    weights,
    hyperparameters: penalties.count,
    inner: (w, λ) => fit.value(w) + penalties.value(w, λ),
    innerGradient: (w, λ) => float64.axpy(1, fit.gradient(w), times(penalties.each(λ), w)),
    innerHessian,
    innerMixed: (w) => penalties.mixed(w),
    outer: (w) => ({
      value: error.value(w),
      dw: error.gradient(w),
      dλ: new Float64Array(penalties.count),
    }),
    solution(λ) {
      const zero = new Float64Array(weights);
      return solvePositive(innerHessian(zero, λ), float64.scale(-1, fit.gradient(zero)));
    },
  });
}

/** `‖Xw − y‖²/(2n)` with its derivatives in w. */
function squaredError(X: readonly Float64Array[], y: Float64Array) {
  const n = X.length;
  const residual = (w: Float64Array) => {
    requireLength(w, X[0]!.length, 'w');
    return float64.subtract(multiply(X, w), y);
  };
  return {
    value(w: Float64Array) {
      const r = residual(w);
      return float64.dot(r, r) / (2 * n);
    },
    gradient: (w: Float64Array) => float64.scale(1 / n, multiplyTransposed(X, residual(w))),
    curvature: (v: Float64Array) => float64.scale(1 / n, multiplyTransposed(X, multiply(X, v))),
  };
}
