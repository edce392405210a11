import { InputError } from '../errors';
import { checkNoMore, checkOptionNames, shown } from '../options';
import { asMethod, type Iteration, requireSpectrum, type Spectrum, sequence } from './method';

export interface SobolevOptions {
  /** α ≥ ½ of the weight `(1 − m²)^(α − ½)`; ½, the default, is the constant weight. */
  alpha?: number;
  /**
   * η > 0, what a square of the derivative weighs against a square of the value, in units of λ².
   * `'natural'`, the default, is `‖H'(x₀ − x*)‖² / ‖∂x₀ − ∂x*‖²`, the ratio of the two terms of
   * the Jacobian's error; `unroll` computes it.
   */
  eta?: number | 'natural';
}

/**
 * The Sobolev iteration: on quadratics, the smallest iterate and Jacobian error together, on average.
 *
 * Its residual polynomial minimises `∫ (P² + η P'²) (1 − m²)^(α − ½) dm` over all P of degree t with
 * `P(0) = 1`, where m maps [μ, L] to [−1, 1]. One gradient per step. The minimum falls with every
 * step, since a P of degree t − 1 competes at t; the worst eigenvalue, and a given problem, may
 * still rise for a while, though far less than with Chebyshev's method. A large η slows the
 * iterate down.
 *
 * Derived here: the idea of Sobolev orthogonal polynomials is that of Scieur et al., who leave a
 * practical optimal update open. With Gegenbauer's polynomials Cₙ, `Vₙ = (Cₙ − Cₙ₋₂)/(2(n − 1 + α))`
 * has the derivative Cₙ₋₁, so in the Sobolev product Vₙ meets only Vₙ₋₂ and Vₙ₊₂, and
 * `Sₙ = Vₙ − dₙSₙ₋₂` are orthogonal (a coherent pair). The minimiser is their kernel
 * `Σ Sₙ(m)Sₙ(m₀)/‖Sₙ‖²`, normalised at m₀ = m(0). Polynomials are kept divided by their values at
 * m₀, so that nothing overflows.
 *
 * When not to use it: eigenvalues outside [μ, L] make it diverge.
 *
 * @throws InputError for α < ½ or η that is not positive; on use, without a spectrum, with μ = L,
 *   or with `'natural'` where the spectrum has no `naturalEta`.
 * @see Scieur, Bertrand, Gidel and Pedregosa, [The Curse of
 *   Unrolling](https://arxiv.org/abs/2209.13271), 2022; Marcellán and Xu, [On Sobolev orthogonal
 *   polynomials](https://arxiv.org/abs/1403.6249), 2015 (coherent pairs).
 */
export function sobolev(options: SobolevOptions = {}) {
  checkNoMore('sobolev', arguments, 1);
  checkOptionNames('sobolev', options, ['alpha', 'eta']);
  const { alpha = 0.5, eta = 'natural' } = options;
  checkOptions(alpha, eta);
  const record = { name: 'sobolev', alpha, eta };
  return asMethod(record, (given): Iteration => {
    const spectrum = requireSpectrum(given, 'sobolev');
    requireWidth(spectrum);
    const coefficient = coefficients(alpha, etaFor(eta, spectrum), spectrum);
    return {
      // y: Gegenbauer's iterate, s: the one whose polynomial is Sobolev-orthogonal.
      begin: (x) => ({ x, y: x, yPrevious: x, s: x, sPrevious: x }),
      step: (t, { x, y, yPrevious, s, sPrevious }, gradient, { combine }) => {
        const { slope, inertia, mix, twist, share } = coefficient(t);
        const yNext = combine([
          [1 + inertia, y!],
          [-inertia, yPrevious!],
          [slope, gradient(y!)],
        ]);
        const v = combine([
          [1 + mix, yNext],
          [-mix, yPrevious!],
        ]);
        const sNext = combine([
          [1 + twist, v],
          [-twist, sPrevious!],
        ]);
        return {
          x: combine([
            [1 - share, x],
            [share, sNext],
          ]),
          y: yNext,
          yPrevious: y!,
          s: sNext,
          sPrevious: s!,
        };
      },
    };
  });
}

/** What step n multiplies its vectors by, and what step n + 1 needs to know. */
interface Coefficients {
  /** Of the gradient in the step of y. */
  slope: number;
  /** Of `yₙ₋₁ − yₙ₋₂` in the step of y. */
  inertia: number;
  /** Of `yₙ − yₙ₋₂` in v, the iterate of Vₙ. */
  mix: number;
  /** Of `v − ŝₙ₋₂` in ŝₙ. */
  twist: number;
  /** Of `ŝₙ − xₙ₋₁` in xₙ. */
  share: number;
  memory: Memory;
}

/** Values at m₀ are relative to Cₙ(m₀): σ of Sₙ, and the kernel's to Cₙ(m₀)². */
interface Memory {
  ratio: number;
  sigma: number;
  sigmaBefore: number;
  norm: number;
  normBefore: number;
  kernel: number;
}

function coefficients(alpha: number, eta: number, { mu, L }: Spectrum) {
  const c = (L - mu) / 2;
  const m0 = -(L + mu) / (L - mu);
  const etaM = eta / c ** 2;
  const gamma = (n: number) => (n === 0 ? 1 : 2 * (n - 1 + alpha));
  /** ‖Cₙ‖² / ‖C₀‖² in the weight. */
  const h = sequence(1, (before, k) => {
    const n = k - 1;
    return (before * (n - 1 + 2 * alpha) * (n - 1 + alpha)) / (n * (n + alpha));
  });
  const normOf = (n: number) => h(n + 1);

  const first = (): Coefficients => {
    const ratio = 2 * alpha * m0;
    const sigma = 1 / gamma(1);
    const norm = normOf(1) / gamma(1) ** 2 + etaM * normOf(0);
    const kernel = sigma ** 2 / norm + 1 / ratio ** 2;
    return {
      slope: (2 * alpha) / (c * ratio),
      inertia: 0,
      mix: 0,
      twist: 0,
      share: sigma ** 2 / norm / kernel,
      memory: { ratio, sigma, sigmaBefore: 1, norm, normBefore: 1, kernel },
    };
  };

  const next = ({ memory }: Coefficients, n: number): Coefficients => {
    const A = (2 * (n + alpha - 1)) / n;
    const B = (n + 2 * alpha - 2) / n;
    const ratio = A * m0 - B / memory.ratio;
    const R = ratio * memory.ratio;
    const V = (1 - 1 / R) / gamma(n);
    const d = -normOf(n - 2) / (gamma(n) * gamma(n - 2) * memory.normBefore);
    const tau = (d * memory.sigmaBefore) / (R * V);
    const sigma = V * (1 - tau);
    const norm =
      (normOf(n) + normOf(n - 2)) / gamma(n) ** 2 +
      etaM * normOf(n - 1) -
      d ** 2 * memory.normBefore;
    const kernel = sigma ** 2 / norm + memory.kernel / ratio ** 2;
    return {
      slope: A / (c * ratio),
      inertia: B / R,
      mix: 1 / (R - 1),
      twist: tau / (1 - tau),
      share: sigma ** 2 / norm / kernel,
      memory: {
        ratio,
        sigma,
        sigmaBefore: memory.sigma,
        norm,
        normBefore: memory.norm,
        kernel,
      },
    };
  };
  return sequence(first(), next);
}

function etaFor(eta: number | 'natural', { naturalEta }: Spectrum): number {
  if (eta !== 'natural') return eta;
  if (naturalEta !== undefined && Number.isFinite(naturalEta) && naturalEta > 0) {
    return naturalEta;
  }
  throw new InputError({
    given: `sobolev({ eta: 'natural' }) with the natural η ${naturalEta ?? 'not given'}`,
    expected: 'a positive, finite { naturalEta } in the spectrum',
    remedy:
      "Give sobolev({ eta }) as a number, or { mu, L, naturalEta: ‖H'(x₀ − x*)‖²/‖∂x₀ − ∂x*‖² }.",
  });
}

function requireWidth({ mu, L }: Spectrum): void {
  if (mu < L) return;
  throw new InputError({
    given: `sobolev on { mu: ${shown(mu)}, L: ${shown(L)} }`,
    expected: 'mu < L',
    remedy: 'With one eigenvalue, gradient descent with the step 1/L arrives in one step.',
  });
}

function checkOptions(alpha: number, eta: number | 'natural'): void {
  const finite = (value: unknown) => typeof value === 'number' && value < Number.POSITIVE_INFINITY;
  if (finite(alpha) && alpha >= 0.5 && (eta === 'natural' || (finite(eta) && eta > 0))) return;
  throw new InputError({
    given: `sobolev({ alpha: ${shown(alpha)}, eta: ${shown(eta)} })`,
    expected: "a finite alpha of at least 0.5, and a positive eta or 'natural'",
    remedy: 'Start with alpha 0.5 and the natural eta.',
  });
}
