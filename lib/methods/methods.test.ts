import { describe, expect, it } from 'vitest';
import { InputError } from '../errors';
import { adam } from './adam';
import { chebyshev } from './chebyshev';
import { gradientDescent, type StepSize } from './gradient-descent';
import { heavyBall } from './heavy-ball';
import { Learned } from './learned';
import type { Method, Spectrum } from './method';
import { nesterov } from './nesterov';
import { dividedDifferences, residualPolynomial, residualPolynomials } from './residual-polynomial';
import { sobolev } from './sobolev';

const spectrum = { mu: 0.03, L: 2 };
const lambdas = [0, 0.03, 0.1, 0.7, 1.5, 2];
const linear: Method[] = [
  gradientDescent({ step: '1/L' }),
  gradientDescent({ step: 'sqrt2/L' }),
  gradientDescent({ step: '2/(L+mu)' }),
  gradientDescent(0.3),
  heavyBall(),
  heavyBall({ step: 0.4, momentum: 0.7 }),
  nesterov(),
  nesterov({ tuning: 'quadratic' }),
  chebyshev(),
  sobolev({ eta: 0.1 }),
  sobolev({ alpha: 1.5, eta: 3 }),
];
const print = (method: Method) => JSON.stringify(method);

/** sup |Pₜ| over [μ, L], for t = 0 … steps. */
function worst(method: Method, { mu, L }: { mu: number; L: number }, steps: number) {
  const grid = Float64Array.from({ length: 2001 }, (_, i) => mu + ((L - mu) * i) / 2000);
  const polynomials = residualPolynomials(method, { mu, L }, grid);
  return Array.from({ length: steps + 1 }, () =>
    Math.max(...polynomials.next().value.values.map(Math.abs)),
  );
}

describe('residual polynomials', () => {
  it.each(linear.map((method) => [print(method), method] as const))(
    '%s: P(0) = 1, whatever the degree',
    (_, method) => {
      for (const t of [0, 1, 2, 7, 40]) {
        expect(residualPolynomial(method, spectrum, t)(0).value).toBeCloseTo(1, 12);
      }
    },
  );

  it.each(linear.map((method) => [print(method), method] as const))(
    '%s: the derivative agrees with finite differences',
    (_, method) => {
      for (const t of [1, 2, 5, 12]) {
        const P = residualPolynomial(method, spectrum, t);
        for (const lambda of lambdas) {
          const h = 1e-4;
          const [a, b, c, d] = [-2, -1, 1, 2].map((k) => P(lambda + k * h).value);
          const difference = (a! - 8 * b! + 8 * c! - d!) / (12 * h);
          expect(Math.abs(P(lambda).derivative - difference)).toBeLessThan(
            1e-8 * Math.max(1, Math.abs(difference)),
          );
        }
      }
    },
  );

  it.each<[StepSize, number]>([
    ['1/L', 1 / 2],
    ['sqrt2/L', Math.SQRT2 / 2],
    ['2/(L+mu)', 2 / 2.03],
    [0.3, 0.3],
  ])('gradient descent with the step %s is (1 − hλ)ᵗ', (step, h) => {
    for (const t of [1, 4, 9]) {
      for (const lambda of lambdas) {
        const { value, derivative } = residualPolynomial(
          gradientDescent({ step }),
          spectrum,
          t,
        )(lambda);
        expect(value).toBeCloseTo((1 - h * lambda) ** t, 12);
        expect(derivative).toBeCloseTo(-h * t * (1 - h * lambda) ** (t - 1), 12);
      }
    }
  });

  it('Chebyshev is Tₜ(m)/Tₜ(m₀), with the derivative t Uₜ₋₁(m) m′/Tₜ(m₀)', () => {
    const { mu, L } = spectrum;
    const m = (lambda: number) => (2 * lambda - L - mu) / (L - mu);
    for (const t of [1, 2, 3, 8, 15]) {
      const top = (-1) ** t * Math.cosh(t * Math.acosh(-m(0)));
      for (const lambda of [0.1, 0.7, 1.5]) {
        const angle = Math.acos(m(lambda));
        const { value, derivative } = residualPolynomial(chebyshev(), spectrum, t)(lambda);
        expect(value).toBeCloseTo(Math.cos(t * angle) / top, 12);
        const U = Math.sin(t * angle) / Math.sin(angle);
        expect(derivative).toBeCloseTo((((t * U) / top) * 2) / (L - mu), 10);
      }
    }
  });

  it('no method has a smaller worst case than Chebyshev, at any step', () => {
    const best = worst(chebyshev(), spectrum, 40);
    const xi = (1 + Math.sqrt(0.015)) / (1 - Math.sqrt(0.015));
    best.forEach((value, t) => {
      expect(value).toBeCloseTo(2 / (xi ** t + xi ** -t), 12);
    });
    for (const method of linear.slice(0, 8)) {
      worst(method, spectrum, 40).forEach((value, t) => {
        expect(value).toBeGreaterThan(best[t]! - 1e-12);
      });
    }
  });

  const root = Math.sqrt(0.01);
  it.each<[string, Method, number]>([
    ['gradient descent, 1/L', gradientDescent(), 0.99],
    ['gradient descent, 2/(L + μ)', gradientDescent({ step: '2/(L+mu)' }), 0.99 / 1.01],
    ['heavy ball', heavyBall(), (1 - root) / (1 + root)],
    ['Nesterov', nesterov(), 1 - root],
    ['Nesterov for quadratics', nesterov({ tuning: 'quadratic' }), 1 - 2 / Math.sqrt(301)],
    ['Chebyshev', chebyshev(), (1 - root) / (1 + root)],
    ['Sobolev', sobolev({ eta: 1 }), (1 - root) / (1 + root)],
  ])('%s has its rate', (_, method, rate) => {
    // sup |Pₜ| is (a + bt) rateᵗ; the quotient at t, 2t and 3t leaves nothing but the rate.
    const sup = worst(method, { mu: 0.01, L: 1 }, 900);
    const polynomial = (t: number) => sup[t]! / rate ** t;
    const growth = (polynomial(900) - polynomial(600)) / (polynomial(600) - polynomial(300));
    const flat = Math.abs(polynomial(900) / polynomial(600) - 1) < 0.02;
    expect(flat || Math.abs(growth - 1) < 0.02).toBe(true);
  });

  it('has divided differences without cancellation', () => {
    const method = nesterov();
    const [a, b] = [Float64Array.of(0.5, 0.5, 1, 1), Float64Array.of(1.5, 0.5, 1 + 1e-9, 1)];
    const pairs = dividedDifferences(method, spectrum, a, b);
    for (let t = 0; t < 12; t++) pairs.next();
    const { left, right, difference } = pairs.next().value;
    const P = residualPolynomial(method, spectrum, 12);
    expect([...left]).toEqual([...a].map((lambda) => P(lambda).value));
    expect([...right]).toEqual([...b].map((lambda) => P(lambda).value));
    expect(difference[0]).toBeCloseTo((P(1.5).value - P(0.5).value) / 1, 12);
    expect(difference[1]).toBe(P(0.5).derivative);
    expect(difference[2]).toBeCloseTo(P(1).derivative, 7);
    expect(difference[3]).toBe(P(1).derivative);
  });

  it('refuses what is not a polynomial method', () => {
    expect(() => residualPolynomial(adam(0.1), spectrum, 3)).toThrow(/adam/);
    const places = Float64Array.of(1);
    expect(() => residualPolynomials(adam(0.1), spectrum, places)).toThrow(/adam/);
    expect(() => residualPolynomial(chebyshev(), spectrum, 2.5)).toThrow(/2.5/);
  });
});

describe('a method is a value', () => {
  it('prints, compares and serializes as its options', () => {
    expect(JSON.parse(JSON.stringify(gradientDescent(0.1)))).toEqual({
      name: 'gradientDescent',
      step: 0.1,
    });
    expect({ ...sobolev() }).toEqual({ name: 'sobolev', alpha: 0.5, eta: 'natural' });
    expect({ ...heavyBall({ step: 1, momentum: 0.5 }) }).toEqual({
      name: 'heavyBall',
      step: 1,
      momentum: 0.5,
    });
    expect({ ...nesterov() }).toEqual({ name: 'nesterov', tuning: 'standard' });
    expect({ ...adam(1e-3) }).toMatchObject({ name: 'adam', rate: 1e-3, beta1: 0.9 });
  });

  it.each<[string, () => unknown, RegExp]>([
    ['a negative step', () => gradientDescent(-1), /-1/],
    ['an unknown rule', () => gradientDescent({ step: '3/L' as StepSize }), /3\/L/],
    ['a rule without a spectrum', () => gradientDescent().on(), /\{ mu, L \}/],
    ['μ = 0', () => chebyshev().on({ mu: 0, L: 1 }), /mu: 0/],
    ['μ > L', () => chebyshev().on({ mu: 2, L: 1 }), /mu: 2/],
    ['NaN', () => heavyBall().on({ mu: Number.NaN, L: 1 }), /mu: NaN/],
    [
      'an L whose reciprocal is infinite',
      () => chebyshev().on({ mu: 1e-320, L: 1e-309 }),
      /1 \/ L/,
    ],
    [
      'an L whose double is infinite',
      () => gradientDescent().on({ mu: 1e308, L: 1e308 }),
      /mu \+ L/,
    ],
    ['a momentum of 1', () => heavyBall({ step: 1, momentum: 1 }), /momentum of 1/],
    ['an unknown tuning', () => nesterov({ tuning: 'fast' as 'standard' }), /fast/],
    ['α below ½', () => sobolev({ alpha: 0.4 }), /0\.4/],
    ['η = 0', () => sobolev({ eta: 0 }), /eta: 0/],
    ['no natural η', () => sobolev().on({ mu: 1, L: 2 }), /naturalEta/],
    ['one eigenvalue', () => sobolev({ eta: 1 }).on({ mu: 1, L: 1 }), /mu < L/],
    [
      'a misspelt name, also where the method does not look at it',
      () => gradientDescent(0.1).on({ mu: 1, L: 2, eta: 1 } as Spectrum),
      /eta/,
    ],
    ['a rate of 0', () => adam(0), /rate of 0/],
    ['β = 1', () => adam(1, { beta2: 1 }), /beta2 of 1/],
  ])('refuses %s', (_, make, message) => {
    expect(make).toThrow(message);
  });
});

it('nesterov takes a tuning or numbers, and ignores neither', () => {
  expect(nesterov({})).toEqual(nesterov());
  expect({ ...nesterov({ step: 0.1, momentum: 0.5 }) }).toEqual({
    name: 'nesterov',
    step: 0.1,
    momentum: 0.5,
  });
  const both = { tuning: 'quadratic' as const, step: 0.1, momentum: 0.5 };
  expect(() => nesterov(both)).toThrow(InputError);
});

it.each([-700, -40, 0, 3, 40, 300])('a learned sigmoid of %d has its slope to rounding', (x) => {
  const { value, slopes } = new Learned(x, new Map([[0, 1]])).sigmoid();
  const tail = Math.exp(-Math.abs(x));
  expect(slopes.get(0)! / (tail / (1 + tail) ** 2)).toBeCloseTo(1, 14);
  expect(value).toBe(x < 0 ? tail / (1 + tail) : 1 / (1 + tail));
});
