import { checkList, checkNoMore, checkRecord } from '../../options';
export interface Complex {
  re: number;
  im: number;
}

/**
 * The stability function of a one-step method: on `y' = λy` a step of length h multiplies by
 * `R(hλ)`, a ratio of polynomials.
 */
export interface StabilityFunction {
  /** The method, as a heading. */
  name: string;
  /** `R(z) = eᶻ + O(zᵖ⁺¹)` for this p. */
  order: number;
  /** The coefficients of the numerator, from the constant on. */
  numerator: readonly number[];
  /** The same of the denominator. */
  denominator: readonly number[];
  /** `|R(z)| ≤ 1` for all z with `Re z ≤ 0`: no decay forces a short step. */
  aStable: boolean;
  /** A-stable, and `R(∞) = 0`: the fastest decays are over after a step. */
  lStable: boolean;
  /** The left end of the interval `[x, 0]` of the real axis where `|R| ≤ 1`. */
  realLimit: number;
}

/**
 * The stability functions of the methods that the lessons compare.
 *
 * The linearised implicit step shares that of backward Euler: the same on linear problems, not the
 * same on others.
 *
 * @see Hairer & Wanner, [Solving Ordinary Differential Equations
 *   II](https://doi.org/10.1007/978-3-642-05221-7), §IV.2, §IV.3 and §IV.5.
 */
export const stabilityFunctions = {
  forwardEuler: {
    name: 'forward Euler',
    order: 1,
    numerator: [1, 1],
    denominator: [1],
    aStable: false,
    lStable: false,
    realLimit: -2,
  },
  backwardEuler: {
    name: 'backward Euler',
    order: 1,
    numerator: [1],
    denominator: [1, -1],
    aStable: true,
    lStable: true,
    realLimit: Number.NEGATIVE_INFINITY,
  },
  trapezoid: {
    name: 'trapezoidal rule',
    order: 2,
    numerator: [1, 1 / 2],
    denominator: [1, -1 / 2],
    aStable: true,
    lStable: false,
    realLimit: Number.NEGATIVE_INFINITY,
  },
  rk4: {
    name: 'Runge–Kutta 4',
    order: 4,
    numerator: [1, 1, 1 / 2, 1 / 6, 1 / 24],
    denominator: [1],
    aStable: false,
    lStable: false,
    realLimit: -2.785293563405282,
  },
  radauIIA3: {
    name: 'Radau IIA of order 3',
    order: 3,
    numerator: [1, 1 / 3],
    denominator: [1, -2 / 3, 1 / 6],
    aStable: true,
    lStable: true,
    realLimit: Number.NEGATIVE_INFINITY,
  },
} satisfies Record<string, StabilityFunction>;

/** `R(z)`; infinite at a pole. */
export function stabilityAt(method: StabilityFunction, z: Complex): Complex {
  checkNoMore('stabilityAt', arguments, 2);
  checkRecord(method, 'the stability function', '{ numerator, denominator }');
  checkRecord(z, 'a complex number', '{ re, im }');
  const { numerator, denominator } = method;
  checkList(numerator, 'the numerator');
  checkList(denominator, 'the denominator');
  const [p, q] = [polynomial(numerator, z), polynomial(denominator, z)];
  const squared = q.re ** 2 + q.im ** 2;
  return {
    re: (p.re * q.re + p.im * q.im) / squared,
    im: (p.im * q.re - p.re * q.im) / squared,
  };
}

/** `|R(x + iy)|`: a step is stable where it is at most 1. */
export function amplification(method: StabilityFunction, re: number, im = 0): number {
  checkNoMore('amplification', arguments, 3);
  const value = stabilityAt(method, { re, im });
  return Number.isFinite(value.re) ? Math.hypot(value.re, value.im) : Number.POSITIVE_INFINITY;
}

/** Horner's rule. */
function polynomial(coefficients: readonly number[], z: Complex): Complex {
  return coefficients.reduceRight<Complex>(
    (sum, a) => ({ re: a + sum.re * z.re - sum.im * z.im, im: sum.re * z.im + sum.im * z.re }),
    { re: 0, im: 0 },
  );
}
