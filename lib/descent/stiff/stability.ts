import { InputError } from '../../errors';
import { checkList, checkNoMore, checkRecord, shown } from '../../options';

/** A complex number. */
export interface Complex {
  /** The real part. */
  re: number;
  /** The imaginary part. */
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

/** From here on z is far from 0; powers of it are numbers up to the 51st. */
const FAR = 1e6;

/**
 * `R(z)`; at a pole `{ re: ∞, im: 0 }`.
 *
 * Far from 0 both polynomials are evaluated in 1/z, so that R is right where they would overflow.
 *
 * @throws InputError for anything but numbers: coefficients that are finite, a z without NaN or infinity.
 */
export function stabilityAt(method: StabilityFunction, z: Complex): Complex {
  checkNoMore('stabilityAt', arguments, 2);
  checkRecord(method, 'the stability function', '{ numerator, denominator }');
  checkRecord(z, 'a complex number', '{ re, im }');
  const { numerator, denominator } = method;
  checkCoefficients(numerator, 'the numerator');
  checkCoefficients(denominator, 'the denominator');
  checkNumbers([z.re, z.im], 'the parts of a complex number');
  if (Math.hypot(z.re, z.im) <= FAR)
    return quotient(polynomial(numerator, z), polynomial(denominator, z));
  const inverse = quotient({ re: 1, im: 0 }, z);
  const ofInverse = quotient(
    polynomial([...numerator].reverse(), inverse),
    polynomial([...denominator].reverse(), inverse),
  );
  // R(z) = z^(degree of the numerator − degree of the denominator) · that.
  const degree = numerator.length - denominator.length;
  return degree >= 0 ? times(ofInverse, z, degree) : times(ofInverse, inverse, -degree);
}

/**
 * `|R(x + iy)|`: a step is stable where it is at most 1; infinite at a pole, or where it is too large for
 * a number.
 *
 * @param im y; default 0
 * @throws as `stabilityAt` does
 */
export function amplification(method: StabilityFunction, re: number, im = 0): number {
  checkNoMore('amplification', arguments, 3);
  const value = stabilityAt(method, { re, im });
  const size = Math.hypot(value.re, value.im);
  return Number.isNaN(size) ? Number.POSITIVE_INFINITY : size;
}

function checkCoefficients(coefficients: readonly number[], what: string): void {
  checkList(coefficients, what);
  checkNumbers(coefficients, what);
}

function checkNumbers(numbers: readonly unknown[], what: string): void {
  const wrong = numbers.findIndex((one) => !Number.isFinite(one));
  if (wrong < 0 && numbers.length > 0) return;
  throw new InputError({
    given: `${wrong < 0 ? 'nothing' : shown(numbers[wrong])} among ${what}`,
    expected: 'finite numbers',
    remedy: 'Look at how they were computed.',
  });
}

/** Horner's rule. */
function polynomial(coefficients: readonly number[], z: Complex): Complex {
  return coefficients.reduceRight<Complex>(
    (sum, a) => {
      const product = multiplied(sum, z);
      return { re: a + product.re, im: product.im };
    },
    { re: 0, im: 0 },
  );
}

/** `a zⁿ`. */
function times(a: Complex, z: Complex, n: number): Complex {
  let product = a;
  for (let k = 0; k < n; k++) product = multiplied(product, z);
  return product;
}

const multiplied = (a: Complex, b: Complex): Complex => ({
  re: a.re * b.re - a.im * b.im,
  im: a.im * b.re + a.re * b.im,
});

/** `p/q`; divided by the larger part of q first, so that no square overflows or vanishes. */
function quotient(p: Complex, q: Complex): Complex {
  const size = Math.max(Math.abs(q.re), Math.abs(q.im));
  if (size === 0) return { re: Number.POSITIVE_INFINITY, im: 0 };
  const [re, im] = [q.re / size, q.im / size];
  const squared = re * re + im * im;
  return {
    re: (p.re * re + p.im * im) / squared / size,
    im: (p.im * re - p.re * im) / squared / size,
  };
}
