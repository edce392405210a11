import { checkNoMore, checkOptionNames, checkPositive } from '../options';
import { type Coefficient, plus, times } from './learned';
import { asMethod, checkMemory, type Iteration, requireSpectrum, type Spectrum } from './method';
import { checkSetting, coefficients, type Resolve, type Setting } from './setting';

/** A step length and a momentum. */
export interface MomentumOptions {
  step: Setting;
  /** β, from 0 up to but not 1. */
  momentum: Setting;
}

/** The same by the number of the step. */
export interface Momentum {
  step(t: number): Coefficient;
  momentum(t: number): Coefficient;
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
 * @see Polyak, [Some methods of speeding up the convergence of iteration
 *   methods](https://doi.org/10.1016/0041-5553(64)90137-5), 1964.
 */
export function heavyBall(options?: MomentumOptions) {
  checkNoMore('heavyBall', arguments, 1);
  const numbers = options !== undefined && !isTuned(options) ? options : undefined;
  if (numbers !== undefined) checkMomentum('heavyBall', numbers);
  const record = { name: 'heavyBall', ...numbers };
  return asMethod(record, (spectrum, resolve): Iteration => {
    const given = numbers ?? tuned(requireSpectrum(spectrum, record.name));
    const { step, momentum } = momentumOf(given, resolve);
    return {
      begin: (x) => ({ x, previous: x }),
      step: (t, { x, previous }, gradient, { combine }) => ({
        x: combine([
          [plus(1, momentum(t)), x],
          [times(-1, momentum(t)), previous!],
          [times(-1, step(t)), gradient(x)],
        ]),
        previous: x,
      }),
    };
  });
}

/** Whether it is a copy of the record of the tuned one, which has a name alone. */
const isTuned = (options: unknown) =>
  typeof options === 'object' &&
  options !== null &&
  'name' in options &&
  options.name === 'heavyBall' &&
  Object.keys(options).length === 1;

/** @throws InputError unless the step is positive and the momentum is in [0, 1). */
export function checkMomentum(owner: string, options: MomentumOptions): void {
  checkOptionNames(owner, options, ['step', 'momentum']);
  const { step, momentum } = options;
  checkSetting(step, 'a step', checkPositive);
  checkSetting(momentum, 'a momentum', checkMemory);
}

export const momentumOf = ({ step, momentum }: MomentumOptions, resolve?: Resolve): Momentum => ({
  step: coefficients(step, 'a step', checkPositive, resolve),
  momentum: coefficients(momentum, 'a momentum', checkMemory, resolve),
});

function tuned({ mu, L }: Spectrum): { step: number; momentum: number } {
  const sum = Math.sqrt(L) + Math.sqrt(mu);
  const difference = Math.sqrt(L) - Math.sqrt(mu);
  return { step: 4 / sum ** 2, momentum: (difference / sum) ** 2 };
}
