import type { LinearData, Samples } from '../../datasets';
import { checkNoMore, checkOptionNames, checkRecord } from '../../options';
import { float64 } from '../../spaces';
import { dataMatrix } from './data-matrix';
import { featuresOf } from './features';
import { type KnownBilevel, requireLength } from './known-bilevel';
import { type MeanLoss, penalized } from './penalized';
import type { Penalty } from './penalty';
import { solvePositive } from './solve-positive';

/**
 * Ridge regression whose penalties are chosen by the error on validation data.
 *
 * `f = ‖Xw − y‖²/(2n) + ½ Σ λⱼwⱼ²`, `g = ‖X̂w − ŷ‖²/(2m)`;
 * `H = XᵀX/n + diag λ`, `w* = H⁻¹Xᵀy/n`, `dg/dλⱼ = −wⱼ (H⁻¹ ∂g/∂w)ⱼ`, summed over j where λ is shared.
 *
 * @param data copied
 * @param options.penalty one λ for all weights (`'shared'`), or one for each (`'per-weight'`, the default)
 * @throws InputError, ShapeError or NotFiniteError for data, λ or w that do not fit
 *
 * @see Bengio, [Gradient-based optimization of
 *   hyperparameters](https://doi.org/10.1162/089976600300015187), 2000.
 */
export function bilevelRidge(
  data: Pick<LinearData, 'train' | 'validation'>,
  options: { penalty?: Penalty } = {},
): KnownBilevel {
  checkNoMore('bilevelRidge', arguments, 2);
  checkRecord(data, 'the data of bilevelRidge', '{ train, validation }');
  checkOptionNames('bilevelRidge', options, ['penalty']);
  const { train, validation } = data;
  const { penalty = 'per-weight' } = options;
  const weights = featuresOf(train, validation);
  const [fit, error] = [squaredError(train), squaredError(validation)];
  return penalized({ fit, error, weights, penalty }, ({ innerHessian }) => (λ) => {
    const zero = new Float64Array(weights);
    return solvePositive(innerHessian(zero, λ), float64.scale(-1, fit.gradient(zero)));
  });
}

/** `‖Xw − y‖²/(2n)` with its derivatives in w. */
function squaredError({ X, ...samples }: Samples): MeanLoss {
  const [n, width] = [X.length, X[0]!.length];
  const y = samples.y.slice();
  const data = dataMatrix(X);
  const shares = new Float64Array(n).fill(1 / n);
  const residual = (w: Float64Array) => {
    requireLength(w, width, 'w');
    return float64.subtract(data.multiply(w), y);
  };
  return {
    value(w: Float64Array) {
      const r = residual(w);
      return float64.dot(r, r) / (2 * n);
    },
    gradient: (w: Float64Array) => float64.scale(1 / n, data.multiplyTransposed(residual(w))),
    curvature: () => (v, out) => data.multiplyGram(shares, v, out),
  };
}
