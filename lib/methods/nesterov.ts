import { InputError } from '../errors';
import { checkNoMore, checkOptionNames, phrase } from '../options';
import { checkMomentum, type MomentumOptions, momentumOf } from './heavy-ball';
import { plus, times } from './learned';
import { asMethod, type Iteration, requireSpectrum, type Spectrum } from './method';

/** For which functions the step and the momentum are chosen. */
export type NesterovTuning = 'standard' | 'quadratic';

/**
 * Nesterov's accelerated gradient: `y = xₜ + β (xₜ − xₜ₋₁)`, `xₜ₊₁ = y − α ∇f(y)`, from rest.
 *
 * `'standard'` (default) is for any strongly convex function: `α = 1/L`,
 * `β = (√L − √μ)/(√L + √μ)`, rate on quadratics `1 − √(μ/L)`. `'quadratic'` is the best for
 * quadratics: `α = 4/(3L + μ)`, `β = (s − 2)/(s + 2)`, `s = √(3L/μ + 1)`, rate `1 − 2/s`.
 * Numbers for both may be given instead, step and momentum.
 *
 * @throws InputError for an unknown tuning, numbers out of range, or both a tuning and numbers; on use,
 *   if tuned without a spectrum.
 * @see Nesterov, [Introductory Lectures on Convex
 *   Optimization](https://doi.org/10.1007/978-1-4419-8853-9), 2004, §2.2; Lessard, Recht and
 *   Packard, [Analysis and design of optimization algorithms via integral quadratic
 *   constraints](https://arxiv.org/abs/1408.3595), 2016 (the tuning for quadratics).
 */
export function nesterov(options: { tuning?: NesterovTuning } | MomentumOptions = {}) {
  checkNoMore('nesterov', arguments, 1);
  checkOptionNames('nesterov', options, ['tuning', 'step', 'momentum']);
  const { tuning, step, momentum }: { tuning?: NesterovTuning } & Partial<MomentumOptions> =
    options;
  const hasNumbers = step !== undefined || momentum !== undefined;
  if (hasNumbers && tuning !== undefined) {
    throw new InputError({
      given: `nesterov({ tuning: ${phrase(tuning)} }) with a step or a momentum`,
      expected: 'either a tuning or the numbers',
      remedy: 'A tuning would ignore the numbers: leave it out, or them.',
    });
  }
  const numbers = { step, momentum } as MomentumOptions;
  const settings = hasNumbers ? numbers : { tuning: tuning ?? 'standard' };
  const coefficients = 'tuning' in settings ? tuned(settings.tuning) : fixed(numbers);
  const record = { name: 'nesterov', ...settings };
  return asMethod(record, (spectrum, resolve): Iteration => {
    const { step, momentum } = momentumOf(coefficients(spectrum), resolve);
    return {
      begin: (x) => ({ x, previous: x }),
      step: (t, { x, previous }, gradient, { combine }) => {
        const y = combine([
          [plus(1, momentum(t)), x],
          [times(-1, momentum(t)), previous!],
        ]);
        return {
          x: combine([
            [1, y],
            [times(-1, step(t)), gradient(y)],
          ]),
          previous: x,
        };
      },
    };
  });
}

function fixed(options: MomentumOptions) {
  checkMomentum('nesterov', options);
  return () => options;
}

function tuned(tuning: NesterovTuning) {
  const isName = typeof tuning === 'string' && Object.hasOwn(tunings, tuning);
  const rule = isName ? tunings[tuning] : undefined;
  if (rule === undefined) {
    throw new InputError({
      given: `nesterov({ tuning }) with ${phrase(tuning)}`,
      expected: `one of ${Object.keys(tunings).join(', ')}`,
      remedy: 'Or give the numbers: nesterov({ step, momentum }).',
    });
  }
  return (spectrum?: Spectrum) => rule(requireSpectrum(spectrum, 'nesterov'));
}

const tunings: Record<NesterovTuning, (spectrum: Spectrum) => MomentumOptions> = {
  standard({ mu, L }) {
    const [rootL, rootMu] = [Math.sqrt(L), Math.sqrt(mu)];
    return { step: 1 / L, momentum: (rootL - rootMu) / (rootL + rootMu) };
  },
  quadratic({ mu, L }) {
    const s = Math.sqrt((3 * L) / mu + 1);
    return { step: 4 / (3 * L + mu), momentum: (s - 2) / (s + 2) };
  },
};
