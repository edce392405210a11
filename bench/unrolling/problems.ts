import { digitsOf, mnist, pooled, subset } from 'implicit-lab-course';
import {
  chebyshev,
  gradientDescent,
  heavyBall,
  type Method,
  nesterov,
  sobolev,
} from '../../lib/methods';
import { gaussGegenbauer, random } from '../../lib/numbers';
import { type QuadraticProblem, quadratic } from '../../lib/problems';

/** The methods of the tables, with their names. */
export const methods: [string, Method][] = [
  ['GD 1/L', gradientDescent({ step: '1/L' })],
  ['GD √2/L', gradientDescent({ step: 'sqrt2/L' })],
  ['GD 2/(L+μ)', gradientDescent({ step: '2/(L+mu)' })],
  ['heavy ball', heavyBall()],
  ['Nesterov', nesterov()],
  ['Chebyshev', chebyshev()],
  ['Sobolev α=½', sobolev()],
];

/** `H(θ) = diag(λ) + θI`, `x* = 1`, `x₀ = 11`, `∂x₀ = 0` at θ = 0: every error and derivative in closed form. */
export function diagonalProblem(lambdas: Float64Array, start = 11): QuadraticProblem {
  const diagonal = (f: (i: number) => number) =>
    Array.from(lambdas, (_, i) => {
      const row = new Float64Array(lambdas.length);
      row[i] = f(i);
      return row;
    });
  return quadratic({
    theta: Float64Array.of(0),
    hessian: ([θ]) => diagonal((i) => lambdas[i]! + θ!),
    dHessian: () => [diagonal(() => 1)],
    linear: () => lambdas,
    start: new Float64Array(lambdas.length).fill(start),
  });
}

/** Spectra in [.01, 1] of 100 eigenvalues. */
export const spectra: Record<string, Float64Array> = {
  uniform: spectrum((s) => s),
  'Chebyshev nodes': spectrum((s) => Math.sin((Math.PI * s) / 2) ** 2),
  'Legendre nodes': gaussGegenbauer(0.5, 100).nodes.map((m) => 0.505 + 0.495 * m),
  geometric: spectrum((s) => (100 ** s - 1) / 99),
  'crowded at μ': spectrum((s) => s ** 6),
  'crowded at L': spectrum((s) => 1 - (1 - s) ** 6),
  'two clusters': spectrum((s) => (s < 0.5 ? 0.1 * s : 0.9 + 0.1 * s)),
  random: randomSpectrum(1),
};

function spectrum(f: (share: number) => number): Float64Array {
  return Float64Array.from({ length: 100 }, (_, i) => 0.01 + 0.99 * f(i / 99));
}

function randomSpectrum(seed: number): Float64Array {
  const noise = random(seed);
  const inner = Array.from({ length: 98 }, () => 0.01 + 0.99 * noise.uniform());
  return Float64Array.from([0.01, ...inner, 1]);
}

/** First weights far from any solution on the digits. */
export function farStart(count: number): Float64Array {
  return random(2)
    .normals(count)
    .map((value) => 3 * value);
}

/** Threes and eights of MNIST, averaged over squares of 4 × 4, with a constant feature. */
export function digits(count: number, seed: number) {
  const some = digitsOf(subset(mnist().train, 8 * count, seed), [3, 8], { most: count });
  return {
    X: pooled(some),
    labels: Float64Array.from(some.labels, (label) => (label === 8 ? 1 : 0)),
  };
}
