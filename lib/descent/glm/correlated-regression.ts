import { type Random, random } from '../../numbers';
import { checkCount, checkFloat64, checkNoMore } from '../../options';
import { float64 } from '../../spaces';
import type { GlmSample } from './glm';

/** A linear regression of which everything is known, seen through a stream of samples. */
export interface RegressionStream {
  /** p, how many features there are. */
  dimension: number;
  /** The coefficients that the samples come from. */
  truth: Float64Array;
  /** `tr A`, where A is the covariance of x. */
  trace: number;
  /** The smallest eigenvalue of A. */
  smallest: number;
  /**
   * `½ (θ − θ*)ᵀ A (θ − θ*)`: what θ loses on a new sample, on average.
   *
   * @throws InputError or ShapeError for anything but p numbers.
   */
  risk(theta: Float64Array): number;
  /**
   * As many samples, each with arrays of its own; the same ones for the same seed.
   *
   * @throws InputError for a count or a seed that is not a whole number of at least 0.
   */
  samples(count: number, seed: number): Generator<GlmSample>;
}

/**
 * The setting of Toulis & Airoldi: `y = xᵀθ* + ε`, θ* = 1, ε of variance 1, x normal with the
 * covariance `A = diag(.2, …, 1) + uuᵀ`, `u = ½ linspace(−1, 1)`.
 *
 * @param dimension p, a whole number of at least 2; default 100
 * @throws InputError for another one.
 * @see Toulis, Airoldi & Rennie, [Statistical analysis of stochastic gradient methods for
 *   generalized linear models](https://proceedings.mlr.press/v32/toulis14.html), ICML 2014.
 */
export function correlatedRegression(dimension = 100): RegressionStream {
  checkNoMore('correlatedRegression', arguments, 1);
  checkCount(dimension, 'the dimension of correlatedRegression:', { least: 2, ...SAMPLES });
  const line = (from: number, to: number) =>
    Float64Array.from({ length: dimension }, (_, i) => from + ((to - from) * i) / (dimension - 1));
  const diagonal = line(0.2, 1);
  const u = line(-0.5, 0.5);
  const deviation = diagonal.map(Math.sqrt);

  return {
    dimension,
    truth: new Float64Array(dimension).fill(1),
    trace: diagonal.reduce((sum, d, i) => sum + d + u[i]! ** 2, 0),
    smallest: smallestEigenvalue(diagonal, u),
    risk(theta) {
      checkFloat64(theta, 'the theta of risk');
      float64.check(theta, diagonal, 'the theta of risk');
      let squares = 0;
      let along = 0;
      theta.forEach((value, i) => {
        squares += diagonal[i]! * (value - 1) ** 2;
        along += u[i]! * (value - 1);
      });
      return (squares + along ** 2) / 2;
    },
    samples(count, seed) {
      checkCount(count, 'the count of samples:', { least: 0, ...SAMPLES });
      return draws(count, random(seed));
    },
  };

  function* draws(count: number, draw: Random): Generator<GlmSample> {
    for (let t = 0; t < count; t++) {
      const common = draw.normal();
      const x = deviation.map((d, i) => d * draw.normal() + u[i]! * common);
      yield { x, y: x.reduce((sum, value) => sum + value, 0) + draw.normal() };
    }
  }
}

const SAMPLES = {
  /** About what fits in memory. */
  most: 1e7,
  remedy: 'correlatedRegression(20).samples(1000, 1) is a thousand samples of twenty features.',
};

/**
 * Of `diag(d) + uuᵀ` with rising d: the root of `1 + Σ uᵢ²/(dᵢ − λ)` between d₁ and d₂.
 *
 * @see Golub & Van Loan, [Matrix Computations](https://doi.org/10.56021/9781421407944), 4th ed.,
 *   §8.4.3.
 */
function smallestEigenvalue(d: Float64Array, u: Float64Array): number {
  let [low, high] = [d[0]!, d[1]!];
  for (let k = 0; k < 60; k++) {
    const middle = (low + high) / 2;
    const secular = d.reduce((sum, value, i) => sum + u[i]! ** 2 / (value - middle), 1);
    if (secular < 0) low = middle;
    else high = middle;
  }
  return low;
}
