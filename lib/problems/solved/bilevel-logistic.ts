import type { LinearData, Samples } from '../../datasets';
import { InputError } from '../../errors';
import { requireLabels, sigmoid } from '../../numbers';
import { checkNoMore, checkOptionNames, checkRecord } from '../../options';
import { float64 } from '../../spaces';
import { dataMatrix } from './data-matrix';
import { featuresOf } from './features';
import { type KnownBilevel, requireLength } from './known-bilevel';
import { type MeanLoss, penalized } from './penalized';
import type { Penalty } from './penalty';
import { solvePositive } from './solve-positive';

const MAX_NEWTON_STEPS = 100;

/**
 * Logistic regression whose penalties are chosen by the loss on validation data.
 *
 * `f = Σ ℓ(xᵢᵀw, yᵢ)/n + ½ Σ λⱼwⱼ²` with `ℓ(z, y) = log(1 + eᶻ) − yz`, and g the mean of ℓ on the validation
 * data; `H = XᵀSX/n + diag λ` with `S = diag p(1 − p)`, `dg/dλⱼ = −wⱼ (H⁻¹ ∂g/∂w)ⱼ`, summed over j where λ is
 * shared. w* is found by Newton's method to rounding.
 *
 * @param data copied
 * @param options.penalty one λ for all weights (`'shared'`, the default), or one for each (`'per-weight'`)
 * @throws InputError, ShapeError or NotFiniteError for data, labels, λ or w that do not fit; on use,
 *   InputError where Newton's method finds no solution
 *
 * @see Pedregosa, [Hyperparameter optimization with approximate
 *   gradient](https://arxiv.org/abs/1602.02355), 2016.
 */
export function bilevelLogistic(
  data: Pick<LinearData, 'train' | 'validation'>,
  options: { penalty?: Penalty } = {},
): KnownBilevel {
  checkNoMore('bilevelLogistic', arguments, 2);
  checkRecord(data, 'the data of bilevelLogistic', '{ train, validation }');
  checkOptionNames('bilevelLogistic', options, ['penalty']);
  const { train, validation } = data;
  const { penalty = 'shared' } = options;
  const weights = featuresOf(train, validation);
  const [fit, error] = [logisticLoss(train), logisticLoss(validation)];
  return penalized({ fit, error, weights, penalty }, ({ inner, innerGradient, innerHessian }) => {
    const newtonStep = (w: Float64Array, λ: Float64Array) => {
      const direction = solvePositive(innerHessian(w, λ), innerGradient(w, λ));
      // Near the solution the value of a better w differs by rounding only; the slope still decides.
      const value = inner(w, λ) * (1 + 8 * Number.EPSILON);
      let length = 1;
      let next = float64.subtract(w, direction);
      while (inner(next, λ) > value && length > 1e-3) {
        length /= 2;
        next = float64.axpy(-length, direction, w);
      }
      return next;
    };
    return (λ) => {
      const slope = (w: Float64Array) => float64.norm(innerGradient(w, λ));
      let w: Float64Array = new Float64Array(weights);
      for (let step = 0; step < MAX_NEWTON_STEPS; step++) {
        const next = newtonStep(w, λ);
        if (slope(next) >= slope(w) && slope(w) < 1e-10) return w;
        w = next;
      }
      throw new InputError({
        given: `an inner problem that Newton's method leaves at a slope of ${slope(w)}`,
        expected: 'an inner problem whose solution is found to rounding',
        remedy: 'Take a larger λ: without it, separable data have no solution.',
      });
    };
  });
}

/** The mean of `log(1 + eᶻ) − yz` with its derivatives in w. */
function logisticLoss({ X, ...samples }: Samples): MeanLoss {
  requireLabels(samples.y);
  const [n, width] = [X.length, X[0]!.length];
  const y = samples.y.slice();
  const data = dataMatrix(X);
  const logits = (w: Float64Array) => {
    requireLength(w, width, 'w');
    return data.multiply(w);
  };
  return {
    // Loops: `map` and `reduce` call a function for each row, which takes several times as long.
    value(w: Float64Array) {
      const z = logits(w);
      let sum = 0;
      for (let i = 0; i < n; i++) sum += (softplus(z[i]!) - y[i]! * z[i]!) / n;
      return sum;
    },
    gradient(w: Float64Array) {
      const r = logits(w);
      for (let i = 0; i < n; i++) r[i] = (sigmoid(r[i]!) - y[i]!) / n;
      return data.multiplyTransposed(r);
    },
    curvature(w: Float64Array) {
      const s = logits(w);
      for (let i = 0; i < n; i++) s[i] = (sigmoid(s[i]!) * sigmoid(-s[i]!)) / n;
      return (v: Float64Array, out: Float64Array) => data.multiplyGram(s, v, out);
    },
  };
}

/** `log(1 + eᶻ)` without overflow. */
function softplus(z: number): number {
  return Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z)));
}
