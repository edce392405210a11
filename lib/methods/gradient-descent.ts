import { InputError } from '../errors';
import { checkNoMore, checkOptionNames, checkPositive, phrase } from '../options';
import { times } from './learned';
import { asMethod, type Iteration, type Method, requireSpectrum } from './method';
import { checkSetting, coefficients, isSetting, type Setting } from './setting';

/** The length of a gradient step: a setting, or a rule for the eigenvalue bounds μ and L. */
export type StepSize = Setting | '1/L' | 'sqrt2/L' | '2/(L+mu)';

export interface GradientDescentOptions {
  /** Default `'1/L'`. */
  step?: StepSize;
}

/**
 * Gradient descent: `xₜ = xₜ₋₁ − h ∇f(xₜ₋₁)`.
 *
 * Residual polynomial `Pₜ(λ) = (1 − hλ)ᵗ`. The step `2/(L + μ)` has the fastest rate,
 * `(L − μ)/(L + μ)`, and a long burn-in of the Jacobian; `√2/L` is the longest step for which the
 * part of the Jacobian's error that comes from `∂x₀ − ∂x*` never rises (derived here; for
 * `μ/L ≥ √2 − 1` it never rises with `2/(L + μ)` either). A bare setting is short for `{ step }`.
 *
 * @throws InputError for a step that is not positive or a rule that is unknown; on use, for a rule
 *   without a spectrum.
 * @see Scieur, Bertrand, Gidel and Pedregosa, [The Curse of
 *   Unrolling](https://arxiv.org/abs/2209.13271), 2022.
 */
export function gradientDescent(options: GradientDescentOptions | Setting = {}) {
  checkNoMore('gradientDescent', arguments, 1);
  if (!isSetting(options)) checkOptionNames('gradientDescent', options, ['step']);
  const { step = '1/L' } = isSetting(options) ? { step: options } : options;
  if (isSetting(step)) checkSetting(step, 'a step', checkPositive);
  else requireRule(step);

  const record: { name: string; step: StepSize } = { name: 'gradientDescent', step };
  return asMethod(record, (spectrum, resolve): Iteration => {
    const h = coefficients(
      isSetting(step) ? step : rules[step](requireSpectrum(spectrum, record.name)),
      'a step',
      checkPositive,
      resolve,
    );
    return {
      begin: (x) => ({ x }),
      step: (t, { x }, gradient, { combine }) => ({
        x: combine([
          [1, x],
          [times(-1, h(t)), gradient(x)],
        ]),
      }),
    };
  }) satisfies Method;
}

const rules: Record<Exclude<StepSize, Setting>, (spectrum: { mu: number; L: number }) => number> = {
  '1/L': ({ L }) => 1 / L,
  'sqrt2/L': ({ L }) => Math.SQRT2 / L,
  '2/(L+mu)': ({ mu, L }) => 2 / (L + mu),
};

function requireRule(step: unknown): asserts step is keyof typeof rules {
  if (typeof step === 'string' && Object.hasOwn(rules, step)) return;
  throw new InputError({
    given: `${phrase(step)} as a step`,
    expected: `a number, or one of ${Object.keys(rules).join(', ')}`,
    remedy: 'Write the rule exactly like that, or compute the step yourself.',
  });
}
