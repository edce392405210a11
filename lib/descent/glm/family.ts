/** A generalised linear model with its canonical link: how y is distributed, given `xᵀθ`. */
export interface GlmFamily {
  readonly name: GlmName;
  /** `E[y | x] = h(xᵀθ)`, nondecreasing. */
  mean(eta: number): number;
  /** `h'(xᵀθ) ≥ 0`. */
  slope(eta: number): number;
  /** The values that y may take, as `[least, greatest]`. */
  range: readonly [number, number];
}

export type GlmName = 'linear' | 'logistic' | 'poisson';

const logistic = (eta: number) =>
  eta < 0 ? Math.exp(eta) / (1 + Math.exp(eta)) : 1 / (1 + Math.exp(-eta));

export const families: Record<GlmName, GlmFamily> = {
  linear: {
    name: 'linear',
    mean: (eta) => eta,
    slope: () => 1,
    range: [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY],
  },
  logistic: {
    name: 'logistic',
    mean: logistic,
    slope(eta) {
      const tail = Math.exp(-Math.abs(eta));
      return tail / (1 + tail) ** 2;
    },
    range: [0, 1],
  },
  poisson: {
    name: 'poisson',
    mean: Math.exp,
    slope: Math.exp,
    range: [0, Number.POSITIVE_INFINITY],
  },
};
