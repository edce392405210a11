import { checkOptionNames } from '../options';
import {
  asMethod,
  type Iteration,
  requireFraction,
  requirePositive,
  requireSpectrum,
  type Spectrum,
} from './method';

/** A step length and a momentum, both numbers. */
export interface MomentumOptions {
  step: number;
  /** β, from 0 up to but not 1. */
  momentum: number;
}

/**
 * Polyak's heavy ball: `xₜ₊₁ = xₜ − α ∇f(xₜ) + β (xₜ − xₜ₋₁)`, starting at rest.
 *
 * Without options it is tuned for quadratics: `α = 4/(√L + √μ)²`, `β = ((√L − √μ)/(√L + √μ))²`,
 * with the rate `√β`. With numbers it is gradient descent with momentum, for any function.
 *
 * When not to use it: tuned, the Jacobian of its iterates has the highest burn-in of all methods
 * here, growing as `(L/μ)^(3/2)` (225 times the first error for L/μ = 100; measured here).
 *
 * @throws InputError for a step or a momentum out of range; on use, if tuned without a spectrum.
 * @see Polyak, Some methods of speeding up the convergence of iteration methods, 1964.
 */
export function heavyBall(options?: MomentumOptions) {
  if (options !== undefined) checkMomentum('heavyBall', options);
  const record = { name: 'heavyBall', ...options };
  return asMethod(record, (spectrum): Iteration => {
    const { step, momentum } = options ?? tuned(requireSpectrum(spectrum, record.name));
    return {
      begin: (x) => ({ x, previous: x }),
      step: (_, { x, previous }, gradient, { combine }) => ({
        x: combine([
          [1 + momentum, x],
          [-momentum, previous!],
          [-step, gradient(x)],
        ]),
        previous: x,
      }),
    };
  });
}

/** @throws InputError unless the step is positive and the momentum is in [0, 1). */
export function checkMomentum(owner: string, options: MomentumOptions): void {
  checkOptionNames(owner, options, ['step', 'momentum']);
  const { step, momentum } = options;
  requirePositive(step, 'a step');
  requireFraction(momentum, 'a momentum');
}

function tuned({ mu, L }: Spectrum): MomentumOptions {
  const sum = Math.sqrt(L) + Math.sqrt(mu);
  const difference = Math.sqrt(L) - Math.sqrt(mu);
  return { step: 4 / sum ** 2, momentum: (difference / sum) ** 2 };
}
