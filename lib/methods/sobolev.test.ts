import { describe, expect, it } from 'vitest';
import { diagonal, gaussGegenbauer, gegenbauerCoefficient } from '../numbers';
import { quadratic } from '../problems/solved/quadratic';
import { burnIn } from '../unrolling/burn-in';
import { unroll } from '../unrolling/unroll';
import { chebyshev } from './chebyshev';
import { gradientDescent } from './gradient-descent';
import type { Method } from './method';
import { residualPolynomial, residualPolynomials } from './residual-polynomial';
import { sobolev } from './sobolev';

/**
 * The minimiser of `∫ (P² + ηP'²) (1 − m²)^(α − ½) dm` with `P(0) = 1` and degree t, by brute force.
 *
 * Gauss–Gegenbauer quadrature (Golub–Welsch), Gegenbauer polynomials normalised by quadrature, the
 * Gram matrix, and the normal equations `M c = φ(m₀)`, solved by elimination.
 */
function bruteForce(alpha: number, eta: number, mu: number, L: number, t: number) {
  const c = (L - mu) / 2;
  const m0 = -(L + mu) / (L - mu);
  const beta = (k: number) => gegenbauerCoefficient(alpha, k);
  const { nodes, weights } = gaussGegenbauer(alpha, t + 2);

  const basis = (m: number) => {
    const p = [1, m / beta(1)];
    const d = [0, 1 / beta(1)];
    for (let k = 1; k < t; k++) {
      p.push((m * p[k]! - beta(k) * p[k - 1]!) / beta(k + 1));
      d.push((p[k]! + m * d[k]! - beta(k) * d[k - 1]!) / beta(k + 1));
    }
    return { p: p.slice(0, t + 1), d: d.slice(0, t + 1) };
  };
  const sampled = [...nodes].map(basis);
  const M = Array.from({ length: t + 1 }, (_, i) =>
    Array.from({ length: t + 1 }, (_, j) =>
      sampled.reduce(
        (sum, { p, d }, q) => sum + weights[q]! * (p[i]! * p[j]! + (eta / c ** 2) * d[i]! * d[j]!),
        0,
      ),
    ),
  );
  const atZero = basis(m0).p;
  const solution = eliminate(M, atZero);
  const norm = solution.reduce((sum, value, i) => sum + value * atZero[i]!, 0);
  return (lambda: number) => {
    const { p } = basis(m0 + lambda / c);
    return p.reduce((sum, value, i) => sum + value * solution[i]!, 0) / norm;
  };
}

function eliminate(A: number[][], b: number[]): number[] {
  const rows = A.map((row, i) => [...row, b[i]!]);
  const n = b.length;
  for (let k = 0; k < n; k++) {
    for (let i = k + 1; i < n; i++) {
      const factor = rows[i]![k]! / rows[k]![k]!;
      for (let j = k; j <= n; j++) rows[i]![j]! -= factor * rows[k]![j]!;
    }
  }
  const x = new Array<number>(n);
  for (let k = n - 1; k >= 0; k--) {
    const known = x.slice(k + 1).reduce((sum, value, j) => sum + value * rows[k]![k + 1 + j]!, 0);
    x[k] = (rows[k]![n]! - known) / rows[k]![k]!;
  }
  return x;
}

const alphas = [0.5, 0.75, 1, 2, 3.5];
const etas = [1e-3, 0.1, 1, 10, 1000];
const spectra = [
  { mu: 0.1, L: 1 },
  { mu: 0.01, L: 1 },
  { mu: 0.05, L: 20 },
  { mu: 1e-4, L: 1 },
];

describe('the Sobolev iteration', () => {
  it.each(alphas)('is the minimiser of its integral, α = %f', (alpha) => {
    for (const eta of etas) {
      for (const { mu, L } of spectra) {
        for (let t = 1; t <= 12; t++) {
          const expected = bruteForce(alpha, eta, mu, L, t);
          const P = residualPolynomial(sobolev({ alpha, eta }), { mu, L }, t);
          for (let k = 0; k <= 10; k++) {
            const lambda = mu + ((L - mu) * k) / 10;
            const error = Math.abs(P(lambda).value - expected(lambda));
            expect(error, `α ${alpha}, η ${eta}, μ ${mu}, L ${L}, t ${t}`).toBeLessThan(1e-10);
          }
        }
      }
    }
  });

  it('does not overflow, nor lose its normalisation, in a thousand steps', () => {
    const P = residualPolynomial(sobolev({ alpha: 2, eta: 5 }), { mu: 0.01, L: 1 }, 1000);
    expect(P(0).value).toBeCloseTo(1, 10);
    expect(Math.abs(P(0.5).value)).toBeLessThan(1e-50);
  });

  it('never raises what it minimises, and falls strictly', () => {
    // For α = ½ the integral is plain: Simpson's rule on a fine grid.
    const n = 4000;
    const { mu, L } = { mu: 0.01, L: 1 };
    const grid = Float64Array.from({ length: n + 1 }, (_, i) => mu + ((L - mu) * i) / n);
    for (const eta of [0.1, 1, 10]) {
      const polynomials = residualPolynomials(sobolev({ eta }), { mu, L }, grid);
      let last = Number.POSITIVE_INFINITY;
      for (let t = 0; t <= 40; t++) {
        const { values, derivatives } = polynomials.next().value;
        const integral = values.reduce((sum, value, i) => {
          const weight = i === 0 || i === n ? 1 : i % 2 === 1 ? 4 : 2;
          return sum + weight * (value ** 2 + eta * derivatives[i]! ** 2);
        }, 0);
        expect(integral).toBeLessThan(last);
        last = integral;
      }
    }
  });

  it.each([
    [0.1, 1.573],
    [1, 1.198],
    [10, 1.037],
    [100, 1.004],
  ])('has next to no burn-in where Chebyshev has 53.1 (κ = 0.01, η = %f: %f)', (eta, height) => {
    const spectrum = { mu: 0.01, L: 1 };
    expect(burnIn(sobolev({ eta }), spectrum).peakHeight).toBeCloseTo(height, 3);
    const { peakHeight, peakStep } = burnIn(chebyshev(), spectrum);
    expect(peakHeight).toBeCloseTo(53.087, 2);
    expect(peakStep).toBe(10);
  });

  it("converges at Chebyshev's rate: sup |P − λP'| by .827 a step, Chebyshev's by .830", () => {
    const lambdas = Float64Array.from({ length: 2001 }, (_, i) => 0.01 + (0.99 * i) / 2000);
    const rate = (method: Parameters<typeof residualPolynomials>[0]) => {
      const polynomials = residualPolynomials(method, { mu: 0.01, L: 1 }, lambdas);
      const sup = Array.from({ length: 201 }, () => {
        const { values, derivatives } = polynomials.next().value;
        return Math.max(...values.map((P, i) => Math.abs(P - lambdas[i]! * derivatives[i]!)));
      });
      return (sup[200]! / sup[100]!) ** (1 / 100);
    };
    expect(rate(chebyshev())).toBeCloseTo(0.8296, 4);
    for (const eta of [0.1, 1, 10]) expect(rate(sobolev({ eta }))).toBeCloseTo(0.8269, 4);
  });
});

describe('the Jacobian of the Sobolev iteration', () => {
  /**
   * Two copies of a spectrum at Gauss nodes: the first error of the Jacobian lives in one, and
   * `H'(x₀ − x*)` in the other, with the weights of the quadrature. The squared error of the Jacobian
   * is then the integral that the method minimises, up to degree n − 1.
   */
  function ideal(alpha: number, eta: number, n: number) {
    const { nodes, weights } = gaussGegenbauer(alpha, n);
    const once = nodes.map((m) => 0.505 + 0.495 * m);
    const lambdas = Float64Array.from([...once, ...once]);
    const first = (i: number) => i < n;
    const root = (i: number) => Math.sqrt(weights[i % n]!);
    const solution = lambdas.map((_, i) => (first(i) ? 0 : -Math.sqrt(eta) * root(i)));
    return quadratic({
      theta: Float64Array.of(0),
      hessian: ([θ]) => diagonal(lambdas.map((value, i) => (first(i) ? value : value + θ!))),
      dHessian: () => [diagonal(lambdas.map((_, i) => (first(i) ? 0 : 1)))],
      linear: () => lambdas.map((value, i) => value * solution[i]!),
      start: new Float64Array(2 * n),
      startJacobian: [lambdas.map((value, i) => (first(i) ? root(i) : -solution[i]! / value))],
      spectrum: { mu: 0.01, L: 1 },
    });
  }

  it.each([
    [0.5, 0.1],
    [0.5, 10],
    [1, 1],
    [2.5, 30],
  ])('falls with every step where its error is the integral (α = %f, η = %f)', (alpha, eta) => {
    const n = 30;
    const problem = ideal(alpha, eta, n);
    const { errors } = unroll(sobolev({ alpha }), problem, { steps: n - 1 });
    expect(errors.jacobian[0]).toBeCloseTo(1, 12);
    for (let t = 1; t < n; t++) {
      expect(errors.jacobian[t]).toBeLessThan(errors.jacobian[t - 1]!);
    }
    // And is the smallest of all methods, at every step.
    for (const other of [
      chebyshev(),
      gradientDescent(),
      gradientDescent({ step: '2/(L+mu)' }),
      sobolev({ alpha, eta: 2 * eta }),
    ]) {
      unroll(other, problem, { steps: n - 1 }).errors.jacobian.forEach((error, t) => {
        expect(error).toBeGreaterThan(errors.jacobian[t]! - 1e-12);
      });
    }
  });

  it('may rise on other spectra, far less than with Chebyshev', () => {
    const spectra = {
      'uniform, α = 1': [1, (s: number) => 0.01 + 0.99 * s],
      'most of it small': [0.5, (s: number) => 0.01 + 0.99 * s ** 6],
      'most of it large': [0.5, (s: number) => 1 - 0.99 * s ** 6],
    } as const;
    const peaks = Object.values(spectra).map(([alpha, at]) => {
      const lambdas = Float64Array.from({ length: 60 }, (_, i) => at(i / 59));
      const problem = quadratic({
        theta: Float64Array.of(0),
        hessian: ([θ]) => diagonal(lambdas.map((value) => value + θ!)),
        dHessian: () => [diagonal(lambdas.map(() => 1))],
        linear: () => lambdas,
        start: new Float64Array(60).fill(11),
      });
      const peak = (method: Method) => {
        const { jacobian } = unroll(method, problem, { steps: 60 }).errors;
        return Math.max(...jacobian) / jacobian[0]!;
      };
      return { sobolev: peak(sobolev({ alpha })), chebyshev: peak(chebyshev()) };
    });
    for (const peak of peaks) expect(peak.sobolev).toBeLessThan(peak.chebyshev / 2);
    expect(Math.max(...peaks.map((peak) => peak.sobolev))).toBeGreaterThan(1.05);
  });

  it('stays below .92 from the first step where Chebyshev peaks at 7.94', () => {
    const lambdas = Float64Array.from({ length: 100 }, (_, i) => 0.01 + (0.99 * i) / 99);
    const problem = quadratic({
      theta: Float64Array.of(0),
      hessian: ([θ]) => diagonal(lambdas.map((value) => value + θ!)),
      dHessian: () => [diagonal(lambdas.map(() => 1))],
      linear: () => lambdas,
      start: new Float64Array(100).fill(11),
    });
    const relative = (method: Method) => {
      const { jacobian } = unroll(method, problem, { steps: 60 }).errors;
      return jacobian.map((error) => error / jacobian[0]!);
    };
    const cursed = relative(chebyshev());
    expect(Math.max(...cursed)).toBeCloseTo(7.94, 2);
    expect(cursed.indexOf(Math.max(...cursed))).toBe(8);
    expect(Math.max(...relative(sobolev()).slice(1))).toBeCloseTo(0.916, 3);
  });
});
