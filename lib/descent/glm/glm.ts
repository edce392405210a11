import { InputError, NotFiniteError, ShapeError } from '../../errors';
import { float64 } from '../../spaces';
import { families, type GlmFamily, type GlmName } from './family';
import { implicitRoot } from './implicit-root';

/** One observation. */
export interface GlmSample {
  /** p features. */
  x: Float64Array;
  /** A number; in [0, 1] for logistic, at least 0 for Poisson regression. */
  y: number;
}

export interface GlmOptions {
  /** Default `'linear'`. */
  family?: GlmName;
  /** The rate γₜ > 0 of step t = 1, 2, …; `decreasingRate` makes one. */
  rate: (t: number) => number;
}

/** What a pass over samples comes to. */
export interface GlmFit {
  /** The last θ, finite. */
  theta: Float64Array;
  /** The mean of all θ after a step: of smaller variance, where rates fall slower than 1/t. */
  average: Float64Array;
  /** The number of steps taken. */
  steps: number;
  /** `diverged` if the square of the next θ would have left the finite numbers. */
  status: 'finished' | 'diverged';
}

/** A stochastic method for generalised linear models, a plain value. */
export interface GlmMethod {
  readonly name: 'implicitGLM' | 'explicitGLM';
  readonly family: GlmName;
  /** The θ after one sample with the rate γ. */
  step(theta: Float64Array, sample: GlmSample, gamma: number): Float64Array;
  /**
   * One step for each sample, from θ₀.
   *
   * @throws ShapeError for an x of another length; InputError for a y outside the range of the
   * family or a rate that is not positive; NotFiniteError for a NaN in x, y or θ₀.
   */
  fit(samples: Iterable<GlmSample>, theta0: Float64Array): GlmFit;
}

/**
 * Implicit stochastic gradient descent for linear, logistic and Poisson regression:
 * `θ⁺ = θ + γₜ (y − h(xᵀθ⁺)) x`, the proximal point of the sample's negative log-likelihood.
 *
 * θ⁺ lies on the line through θ along x, so a step costs a scalar root and O(p). For linear
 * regression it is `θ + γ (y − xᵀθ) x / (1 + γ‖x‖²)`. No rate makes it unstable; the asymptotic
 * variance is that of the explicit method.
 *
 * When not to use it: few samples that fit in memory (Newton's method, or ridge in closed form).
 * For models that are not linear in θ: `implicitSGD`.
 *
 * @throws InputError for an unknown family.
 * @see Toulis, Airoldi & Rennie, ICML 2014; Toulis & Airoldi, Annals of Statistics 45(4), 2017.
 */
export function implicitGLM(options: GlmOptions): GlmMethod {
  return glmMethod('implicitGLM', options, (family, y, eta, squared, gamma) =>
    implicitRoot(family, y, eta, squared, gamma),
  );
}

/**
 * The explicit method, to compare with: `θ⁺ = θ + γₜ (y − h(xᵀθ)) x`, stochastic gradient descent.
 *
 * When not to use it: rates near `2/‖x‖²` and above in the first steps make it blow up.
 *
 * @throws InputError for an unknown family.
 */
export function explicitGLM(options: GlmOptions): GlmMethod {
  return glmMethod('explicitGLM', options, ({ mean }, y, eta, _, gamma) => gamma * (y - mean(eta)));
}

/**
 * The rates `γₜ = scale · γ₀ / (1 + γ₀ λ₀ t)ᶜ`.
 *
 * For c = 1, with λ₀ the smallest eigenvalue of the Fisher information and scale at least 1, the
 * last θ is asymptotically as good as it can be up to a constant; for ½ < c < 1 the average is.
 *
 * @throws InputError unless all are positive.
 * @see Toulis, Airoldi & Rennie 2014, §4; Polyak & Juditsky 1992 for the average.
 */
export function decreasingRate({
  first,
  curvature,
  scale = 1,
  exponent = 1,
}: {
  /** γ₀; one over the trace of the covariance of x is small enough for the explicit method. */
  first: number;
  /** λ₀. */
  curvature: number;
  /** Default 1. */
  scale?: number;
  /** c. Default 1. */
  exponent?: number;
}): (t: number) => number {
  for (const [name, value] of Object.entries({ first, curvature, scale, exponent })) {
    if (!(value > 0 && value < Number.POSITIVE_INFINITY)) {
      throw new InputError({
        given: `decreasingRate({ ${name}: ${value} })`,
        expected: 'a positive number',
        remedy: 'Rates fall from scale · first, by half once t is about 1/(first · curvature).',
      });
    }
  }
  return (t) => (scale * first) / (1 + first * curvature * t) ** exponent;
}

/** How far a step goes along x. */
type Length = (family: GlmFamily, y: number, eta: number, squared: number, gamma: number) => number;

function glmMethod(
  name: GlmMethod['name'],
  { family: familyName = 'linear', rate }: GlmOptions,
  length: Length,
): GlmMethod {
  if (!Object.hasOwn(families, familyName)) {
    throw new InputError({
      given: `${name}({ family: '${familyName}' })`,
      expected: `one of ${Object.keys(families).join(', ')}`,
      remedy: 'Other models are for implicitSGD.',
    });
  }
  const family = families[familyName];

  function step(theta: Float64Array, { x, y }: GlmSample, gamma: number): Float64Array {
    const squared = float64.dot(x, x);
    if (squared === 0) return theta.slice();
    return float64.axpy(length(family, y, float64.dot(x, theta), squared, gamma), x, theta);
  }

  function fit(samples: Iterable<GlmSample>, theta0: Float64Array): GlmFit {
    let theta: Float64Array = theta0.slice();
    const average = float64.zeros(theta0);
    let steps = 0;
    for (const sample of samples) {
      const gamma = rate(steps + 1);
      check(family, sample, theta, gamma, steps);
      const next = step(theta, sample, gamma);
      if (!Number.isFinite(float64.dot(next, next))) {
        return { theta, average, steps, status: 'diverged' };
      }
      steps += 1;
      theta = next;
      for (let i = 0; i < theta.length; i++) average[i]! += (theta[i]! - average[i]!) / steps;
    }
    return { theta, average, steps, status: 'finished' };
  }

  return Object.defineProperties({ name, family: familyName } as GlmMethod, {
    step: { value: step },
    fit: { value: fit },
  });
}

function check(
  { name, range }: GlmFamily,
  { x, y }: GlmSample,
  theta: Float64Array,
  gamma: number,
  index: number,
) {
  if (x.length !== theta.length) {
    throw new ShapeError({
      given: `sample ${index} with ${x.length} features`,
      expected: `${theta.length}, the length of theta`,
      remedy: 'Give each sample one number for each component of theta.',
    });
  }
  const [least, greatest] = range;
  const known = Number.isFinite(y) && Number.isFinite(float64.dot(x, x) + float64.dot(x, theta));
  if (!known) {
    throw new NotFiniteError({
      given: `sample ${index} with y = ${y}, whose y, ‖x‖² or xᵀθ is not finite`,
      expected: 'finite numbers',
      remedy: 'Leave out, or fill in, what is missing in the data.',
    });
  }
  if (y < least || y > greatest) {
    throw new InputError({
      given: `sample ${index} with y = ${y}`,
      expected: `a y from ${least} to ${greatest} for the ${name} family`,
      remedy: 'Choose the family that y is from, or code its classes as 0 and 1.',
    });
  }
  if (!(gamma > 0 && gamma < Number.POSITIVE_INFINITY)) {
    throw new InputError({
      given: `the rate ${gamma} at step ${index + 1}`,
      expected: 'a positive, finite rate',
      remedy: 'rate(t) is called with t = 1, 2, …',
    });
  }
}
