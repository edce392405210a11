import { InputError, NotFiniteError, ShapeError } from '../../errors';
import {
  checkFloat64,
  checkFunction,
  checkNoMore,
  checkOptionNames,
  checkRecord,
  phrase,
  quoted,
  settled,
  shown,
} from '../../options';
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
  /**
   * The θ after one sample with the rate γ.
   *
   * @throws what `fit` throws; NotFiniteError also where θ would leave the finite numbers.
   */
  step(theta: Float64Array, sample: GlmSample, gamma: number): Float64Array;
  /**
   * One step for each sample, from θ₀.
   *
   * @throws ShapeError for an x of another length; InputError for a y outside the range of the
   * family, a rate that is not positive, or anything but samples; NotFiniteError for a NaN in x, y or
   * θ₀.
   */
  fit(samples: Iterable<GlmSample>, theta0: Float64Array): GlmFit;
}

/**
 * Implicit stochastic gradient descent for linear, logistic and Poisson regression:
 * `θ⁺ = θ + γₜ (y − h(xᵀθ⁺)) x`, the proximal point of the sample's negative log-likelihood.
 *
 * θ⁺ is on the line through θ along x, so a step costs a scalar root and O(p). For linear
 * regression it is `θ + γ (y − xᵀθ) x / (1 + γ‖x‖²)`. No rate makes it unstable; the asymptotic
 * variance is that of the explicit method.
 *
 * When not to use it: few samples that fit in memory (Newton's method, or ridge in closed form).
 * For models that are not linear in θ: `implicitSGD`.
 *
 * @throws InputError for an unknown family or option, or a rate that is not a function.
 * @see Toulis, Airoldi & Rennie, [Statistical analysis of stochastic gradient methods for
 *   generalized linear models](https://proceedings.mlr.press/v32/toulis14.html), ICML 2014; Toulis
 *   & Airoldi, [Asymptotic and finite-sample properties of estimators based on stochastic
 *   gradients](https://doi.org/10.1214/16-AOS1506), Annals of Statistics 45(4), 2017.
 */
export function implicitGLM(options: GlmOptions): GlmMethod {
  checkNoMore('implicitGLM', arguments, 1);
  return glmMethod('implicitGLM', options, (family, y, eta, squared, gamma) =>
    implicitRoot(family, y, eta, squared, gamma),
  );
}

/**
 * The explicit method, to compare with: `θ⁺ = θ + γₜ (y − h(xᵀθ)) x`, stochastic gradient descent.
 *
 * When not to use it: rates near `2/‖x‖²` and above in the first steps make it blow up.
 *
 * @throws InputError for an unknown family or option, or a rate that is not a function.
 */
export function explicitGLM(options: GlmOptions): GlmMethod {
  checkNoMore('explicitGLM', arguments, 1);
  return glmMethod('explicitGLM', options, ({ mean }, y, eta, _, gamma) => gamma * (y - mean(eta)));
}

/**
 * The rates `γₜ = scale · γ₀ / (1 + γ₀ λ₀ t)ᶜ`.
 *
 * For c = 1, with λ₀ the smallest eigenvalue of the Fisher information and scale at least 1, the
 * last θ is asymptotically as good as it can be up to a constant; for ½ < c < 1 the average is.
 *
 * @throws InputError unless all are positive.
 * @see Toulis, Airoldi & Rennie, [Statistical analysis of stochastic gradient methods for
 *   generalized linear models](https://proceedings.mlr.press/v32/toulis14.html), ICML 2014; for the
 *   average Polyak & Juditsky, [Acceleration of stochastic approximation by
 *   averaging](https://doi.org/10.1137/0330046), 1992.
 */
export function decreasingRate(options: RateOptions): (t: number) => number {
  checkNoMore('decreasingRate', arguments, 1);
  checkOptionNames('decreasingRate', options, ['first', 'curvature', 'scale', 'exponent']);
  const { first, curvature, scale = 1, exponent = 1 } = options;
  for (const [name, value] of Object.entries({ first, curvature, scale, exponent })) {
    if (!(Number.isFinite(value) && value > 0)) {
      throw new InputError({
        given: `decreasingRate({ ${name}: ${shown(value)} })`,
        expected: 'a positive number',
        remedy: 'Rates fall from scale · first, by half once t is about 1/(first · curvature).',
      });
    }
  }
  return (t) => (scale * first) / (1 + first * curvature * t) ** exponent;
}

export interface RateOptions {
  /** γ₀; one over the trace of the covariance of x is small enough for the explicit method. */
  first: number;
  /** λ₀. */
  curvature: number;
  /** Default 1. */
  scale?: number;
  /** c. Default 1. */
  exponent?: number;
}

/** How far a step goes along x. */
type Length = (family: GlmFamily, y: number, eta: number, squared: number, gamma: number) => number;

function glmMethod(name: GlmMethod['name'], options: GlmOptions, length: Length): GlmMethod {
  checkOptionNames(name, options, ['family', 'rate']);
  const { family: familyName = 'linear' } = options;
  checkFunction(options.rate, `the rate of ${name}({ family, rate })`);
  const rate = options.rate.bind(options);
  if (typeof familyName !== 'string' || !Object.hasOwn(families, familyName)) {
    throw new InputError({
      given: `${name}({ family: ${quoted(familyName)} })`,
      expected: `one of ${Object.keys(families).join(', ')}`,
      remedy: 'Other models are for implicitSGD.',
    });
  }
  const family = families[familyName];

  function step(theta: Float64Array, sample: GlmSample, gamma: number): Float64Array {
    checkNoMore('step', arguments, 3);
    checkFloat64(theta, 'theta');
    const along = checked(family, sample, theta, gamma, () => ({ sample: 'a sample', rate: '' }));
    const reached = new Float64Array(theta.length);
    go(reached, theta, sample, along, gamma);
    if (reached.every(Number.isFinite)) return reached;
    throw new NotFiniteError({
      given: `a step with the rate ${shown(gamma)} that leaves the finite numbers`,
      expected: 'a step after which theta is finite',
      remedy: 'Take a smaller rate, or implicitGLM, which is stable at any rate.',
    });
  }

  /** Writes the next θ; returns its square. */
  function go(
    next: Float64Array,
    theta: Float64Array,
    { x, y }: GlmSample,
    { eta, squared }: Along,
    gamma: number,
  ): number {
    const isZero = squared === 0 && x.every((value) => value === 0);
    const far = isZero ? 0 : length(family, y, eta, squared, gamma);
    let norm = 0;
    for (let i = 0; i < x.length; i++) {
      const value = theta[i]! + far * x[i]!;
      next[i] = value;
      norm += value * value;
    }
    return norm;
  }

  function fit(samples: Iterable<GlmSample>, theta0: Float64Array): GlmFit {
    checkNoMore('fit', arguments, 2);
    checkFloat64(theta0, 'theta');
    checkIterable(samples);
    let theta: Float64Array = theta0.slice();
    let next = float64.zeros(theta0);
    const average = float64.zeros(theta0);
    let steps = 0;
    for (const sample of samples) {
      const gamma = rate(steps + 1);
      const along = checked(family, sample, theta, gamma, () => ({
        sample: `sample ${steps}`,
        rate: ` at step ${steps + 1}`,
      }));
      if (!Number.isFinite(go(next, theta, sample, along, gamma))) {
        return { theta, average, steps, status: 'diverged' };
      }
      steps += 1;
      const before = theta;
      theta = next;
      next = before;
      const share = 1 / steps;
      for (let i = 0; i < theta.length; i++) average[i]! += share * (theta[i]! - average[i]!);
    }
    return { theta, average, steps, status: 'finished' };
  }

  const method = Object.defineProperties({ name, family: familyName } as GlmMethod, {
    step: { value: step },
    fit: { value: fit },
  });
  return settled(method, `${name}()`);
}

function checkIterable(samples: Iterable<GlmSample>): void {
  if (typeof samples?.[Symbol.iterator] === 'function' && typeof samples !== 'string') return;
  throw new InputError({
    given: `${phrase(samples)} as the samples`,
    expected: 'an array, or another iterable, of { x, y }',
    remedy: 'A single sample is a list of one: fit([{ x, y }], theta).',
  });
}

/** What a step needs to know of x. */
interface Along {
  /** `xᵀθ`. */
  eta: number;
  /** `‖x‖²`. */
  squared: number;
}

/** Checks a sample and a rate; words are made only where something is wrong. */
function checked(
  { name, range }: GlmFamily,
  sample: GlmSample,
  theta: Float64Array,
  gamma: number,
  words: () => { sample: string; rate: string },
): Along {
  if (typeof sample !== 'object' || sample === null || !(sample.x instanceof Float64Array)) {
    const { sample: called } = words();
    checkRecord(sample, called, 'a record { x, y }');
    checkFloat64(sample.x, `x of ${called}`);
  }
  const { x, y } = sample;
  if (x.length !== theta.length) {
    throw new ShapeError({
      given: `${words().sample} with ${x.length} features`,
      expected: `${theta.length} features, the length of theta`,
      remedy: 'Give each sample one number for each component of theta.',
    });
  }
  if (typeof y !== 'number') {
    throw new InputError({
      given: `${words().sample} with ${shown(y)} as y`,
      expected: 'a number',
      remedy: 'Code classes as 0 and 1.',
    });
  }
  let eta = 0;
  let squared = 0;
  for (let i = 0; i < x.length; i++) {
    eta += x[i]! * theta[i]!;
    squared += x[i]! * x[i]!;
  }
  // A component of θ that is not finite makes xᵀθ so, also where x is 0.
  if (!(Number.isFinite(y) && Number.isFinite(eta + squared))) {
    throw new NotFiniteError({
      given: `${words().sample} with y = ${shown(y)}, whose y, ‖x‖² or xᵀθ is not finite`,
      expected: 'finite numbers',
      remedy: 'Remove the missing values, or fill them in.',
    });
  }
  const [least, greatest] = range;
  if (y < least || y > greatest) {
    throw new InputError({
      given: `${words().sample} with y = ${shown(y)}`,
      expected: `a y from ${least} to ${greatest} for the ${name} family`,
      remedy: 'Choose the family that y is from, or code its classes as 0 and 1.',
    });
  }
  if (!(typeof gamma === 'number' && gamma > 0 && gamma < Number.POSITIVE_INFINITY)) {
    throw new InputError({
      given: `the rate ${shown(gamma)}${words().rate}`,
      expected: 'a positive, finite rate',
      remedy: 'rate(t) is called with t = 1, 2, …; step takes the rate of its sample.',
    });
  }
  return { eta, squared };
}
