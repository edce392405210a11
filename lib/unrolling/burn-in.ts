import { InputError } from '../errors';
import { type Method, requireSpectrum, residualPolynomials, type Spectrum } from '../methods';
import { checkMethods, checkNoMore, checkOptionNames, shown } from '../options';

/** What the error of the Jacobian starts from. */
export interface StartingErrors {
  /** `Δ = ‖∂x₀ − ∂x*‖`, the first error itself; default 1. */
  jacobian?: number;
  /** `G = ‖d/dθ ∇f(x₀(θ), θ)‖`, the total derivative of the first gradient; default 0. */
  gradient?: number;
}

/** The phase in which the Jacobian of an unrolled method gets worse before it gets better. */
export interface BurnIn {
  /** The step after which the bound is highest; 0 where it never rises. */
  peakStep: number;
  /** The bound there, as a multiple of the first error. */
  peakHeight: number;
  /** The eigenvalue at which `|P − λP'|` is largest there; an error all on it is the worst problem. */
  eigenvalue: number;
  /** The number of steps until the bound is below the first error for good; 0 without a burn-in. */
  length: number;
  /** The bound on `‖∂xₜ − ∂x*‖` for t = 0, 1, 2 … until it is a tenth of the first error. */
  bound: number[];
}

/**
 * Predicts the burn-in of a method from its residual polynomial alone.
 *
 * On a quadratic with `∂H/∂θ` commuting with H,
 * `∂xₜ − ∂x* = (Pₜ − HPₜ')(H) (∂x₀ − ∂x*) + Pₜ'(H) d/dθ ∇f(x₀(θ), θ)`, so that its norm is at most
 * `max|Pₜ − λPₜ'| Δ + max|Pₜ'| G` over [μ, L]; there is a quadratic that attains each of the two.
 * The maxima are taken over 257 Chebyshev points with both ends. The worst problem is bounded, not
 * a given one: with little weight at the critical eigenvalues no burn-in may be seen at all.
 *
 * @throws InputError for errors that are not positive (Δ) or negative (G), for a spectrum that does
 *   not suit the method, or if the method does not converge on it.
 * @see Derived here, from the formula of Scieur et al., [The Curse of
 *   Unrolling](https://arxiv.org/abs/2209.13271), 2022.
 */
export function burnIn(method: Method, spectrum: Spectrum, options: StartingErrors = {}): BurnIn {
  checkNoMore('burnIn', arguments, 3);
  checkOptionNames('burnIn', options, ['jacobian', 'gradient']);
  const { jacobian = 1, gradient = 0 } = options;
  checkMethods(method, 'the method', ['on']);
  const { mu, L } = requireSpectrum(spectrum, 'burnIn');
  requireErrors(jacobian, gradient);
  const lambdas = chebyshevPoints(mu, L, 257);
  const polynomials = residualPolynomials(method, spectrum, lambdas);

  const bound: number[] = [];
  let length = 0;
  let [peak, peakStep, eigenvalue] = [0, 0, L];
  while (bound.length === 0 || bound[bound.length - 1]! > jacobian / 10) {
    const { values, derivatives } = polynomials.next().value;
    const t = bound.length;
    const errors = values.map((P, i) => Math.abs(P - lambdas[i]! * derivatives[i]!));
    const first = largest(errors);
    const second = gradient > 0 ? largest(derivatives.map(Math.abs)) : 0;
    bound.push(first * jacobian + second * gradient);
    if (bound[t]! > peak) {
      [peak, peakStep, eigenvalue] = [bound[t]!, t, lambdas[errors.indexOf(first)]!];
    }
    if (bound[t]! > jacobian * (1 + 1e-12)) length = t + 1;
    requireConvergence(method, spectrum, bound);
  }
  return length === 0
    ? { peakStep: 0, peakHeight: 1, eigenvalue: L, length, bound }
    : { peakStep, peakHeight: peak / jacobian, eigenvalue, length, bound };
}

/** Points of [μ, L] that lie densest at its ends, both ends among them. */
export function chebyshevPoints(mu: number, L: number, count: number): Float64Array {
  return Float64Array.from({ length: count }, (_, i) => {
    const share = Math.sin((Math.PI * i) / (2 * (count - 1))) ** 2;
    return mu + (L - mu) * share;
  });
}

function largest(sizes: Float64Array): number {
  let best = 0;
  // Written so that a NaN gets through to the check for convergence.
  for (const size of sizes) if (!(size <= best)) best = size;
  return best;
}

function requireErrors(jacobian: number, gradient: number): void {
  if ([jacobian, gradient].every(Number.isFinite) && jacobian > 0 && gradient >= 0) return;
  throw new InputError({
    given: `starting errors { jacobian: ${shown(jacobian)}, gradient: ${shown(gradient)} }`,
    expected: 'finite numbers, the first positive and the second not negative',
    remedy: 'Heights and lengths are measured by the first error of the Jacobian.',
  });
}

function requireConvergence(method: Method, { mu, L }: Spectrum, bound: number[]): void {
  const last = bound[bound.length - 1]!;
  if (Number.isFinite(last) && bound.length < 1000 * (L / mu + 1)) return;
  throw new InputError({
    given: `${JSON.stringify(method)} on { mu: ${shown(mu)}, L: ${shown(L)} }, where its error is ${last} of the first after ${bound.length - 1} steps`,
    expected: 'a method that converges for every eigenvalue in [μ, L]',
    remedy: 'Shorten the step: gradient descent converges for steps below 2/L.',
  });
}
