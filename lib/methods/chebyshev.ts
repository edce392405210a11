import { checkNoMore, checkOptionNames } from '../options';
import { asMethod, type Iteration, requireSpectrum, sequence } from './method';

/**
 * The Chebyshev iteration: the smallest worst-case error on quadratics after every single step.
 *
 * `Pₜ(λ) = Tₜ(m(λ)) / Tₜ(m(0))`, `m(λ) = (2λ − L − μ)/(L − μ)`, with Chebyshev's polynomials Tₜ.
 * With `σ = (L + μ)/(L − μ)`: `ω₁ = 1`, `ω₂ = 1/(1 − 1/(2σ²))`, `ωₜ₊₁ = 1/(1 − ωₜ/(4σ²))`, and
 * `xₜ = xₜ₋₁ + (ωₜ − 1)(xₜ₋₁ − xₜ₋₂) − ωₜ · 2/(L + μ) · ∇f(xₜ₋₁)`. Its error is at most
 * `2/(ξᵗ + ξ⁻ᵗ)` with `ξ = (√L + √μ)/(√L − √μ)`.
 *
 * When not to use it: the Jacobian of its iterates has a high burn-in, near 4e⁻²L/μ; eigenvalues
 * outside [μ, L] make it diverge.
 *
 * @throws InputError for an option, since it has none; on use, without a spectrum.
 * @see Golub and Varga, [Chebyshev semi-iterative methods](https://doi.org/10.1007/BF01386013),
 *   1961; Scieur et al., [The Curse of Unrolling](https://arxiv.org/abs/2209.13271), 2022 (its
 *   Jacobian).
 */
export function chebyshev(options: Record<string, never> = {}) {
  checkNoMore('chebyshev', arguments, 1);
  checkOptionNames('chebyshev', options, []);
  return asMethod({ name: 'chebyshev' }, (spectrum): Iteration => {
    const { mu, L } = requireSpectrum(spectrum, 'chebyshev');
    const inverseSigma2 = ((L - mu) / (L + mu)) ** 2;
    const weight = sequence(1, (omega, t) =>
      t === 2 ? 1 / (1 - inverseSigma2 / 2) : 1 / (1 - (omega * inverseSigma2) / 4),
    );
    return {
      begin: (x) => ({ x, previous: x }),
      step: (t, { x, previous }, gradient, { combine }) => {
        const omega = weight(t);
        return {
          x: combine([
            [omega, x],
            [1 - omega, previous!],
            [(-2 * omega) / (L + mu), gradient(x)],
          ]),
          previous: x,
        };
      },
    };
  });
}
