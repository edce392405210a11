import { describe, expect, it } from 'vitest';
import { ShapeError } from '../errors';
import { adam } from '../methods/adam';
import { chebyshev } from '../methods/chebyshev';
import { gradientDescent } from '../methods/gradient-descent';
import { heavyBall } from '../methods/heavy-ball';
import type { Method, Spectrum } from '../methods/method';
import { nesterov } from '../methods/nesterov';
import { sobolev } from '../methods/sobolev';
import { diagonal, eigen, matrix, multiply, random } from '../numbers';
import type { SolvedProblem } from '../problems/derivatives';
import { type QuadraticProblem, quadratic } from '../problems/solved/quadratic';
import { logisticRegression, ridgeRegression } from '../problems/solved/regression';
import { burnIn } from './burn-in';
import { predictJacobianErrors } from './jacobian-errors';
import { distance, unroll } from './unroll';

const methods: Method[] = [
  gradientDescent(),
  gradientDescent({ step: '2/(L+mu)' }),
  heavyBall(),
  nesterov(),
  nesterov({ tuning: 'quadratic' }),
  chebyshev(),
  sobolev(),
  sobolev({ alpha: 1.5, eta: 2 }),
  adam(0.05, { beta2: 0.9, epsilon: 0.1 }),
];
const named = (list: Method[]) => list.map((method) => [JSON.stringify(method), method] as const);

/** A seeded quadratic with two parameters, nonlinear in them, whose H' do not commute with H. */
function randomQuadratic(
  seed: number,
  theta = [0.3, -0.2],
  spectrum?: Spectrum,
  n = 8,
): QuadraticProblem {
  const noise = random(seed);
  const symmetric = () => {
    const G = Array.from({ length: n }, () => noise.normals(n));
    return matrix(n, (i, j) => (G[i]![j]! + G[j]![i]!) / 20);
  };
  const base = Array.from({ length: n }, () => noise.normals(n));
  const H0 = matrix(n, (i, j) => {
    const product = base.reduce((sum, row) => sum + row[i]! * row[j]!, 0) / n;
    return product + (i === j ? 0.8 : 0);
  });
  const [A, B] = [symmetric(), symmetric()];
  const [b0, b1] = [noise.normals(n), noise.normals(n)];
  const start = noise.normals(n);
  const startDerivatives = [noise.normals(n), noise.normals(n)];
  return quadratic({
    theta: Float64Array.from(theta),
    hessian: ([p, q]) =>
      matrix(n, (i, j) => H0[i]![j]! + Math.sin(p!) * A[i]![j]! + p! * q! * B[i]![j]!),
    dHessian: ([p, q]) => [
      matrix(n, (i, j) => Math.cos(p!) * A[i]![j]! + q! * B[i]![j]!),
      matrix(n, (i, j) => p! * B[i]![j]!),
    ],
    linear: ([_, q]) => b0.map((value, i) => value + Math.exp(q!) * b1[i]!),
    dLinear: ([_, q]) => [new Float64Array(n), b1.map((value) => Math.exp(q!) * value)],
    start: start.map(
      (value, i) =>
        value + theta[0]! * startDerivatives[0]![i]! + theta[1]! * startDerivatives[1]![i]!,
    ),
    startJacobian: startDerivatives,
    ...(spectrum ? { spectrum } : {}),
  });
}

const worstDifference = (a: Float64Array[][], b: Float64Array[][]) =>
  Math.max(...a.map((columns, t) => distance(columns, b[t]!)));

/** `∂/∂θⱼ` of something by central differences of order 4. */
function differentiate(f: (theta: number[]) => Float64Array, theta: number[], j: number) {
  const h = 3e-4;
  const at = (k: number) => f(theta.map((value, i) => (i === j ? value + k * h : value)));
  const [a, b, c, d] = [at(-2), at(-1), at(1), at(2)];
  return a.map((value, i) => (value - 8 * b[i]! + 8 * c[i]! - d[i]!) / (12 * h));
}

it('takes h products with the derivatives of H a step, not h²', () => {
  const [n, h, steps] = [4, 3, 7];
  let reads = 0;
  const counted = (rows: Float64Array[]): Float64Array[] =>
    new Proxy(rows, {
      get(target, name, receiver) {
        if (name === '1') reads++;
        // Rows are copied, and the copies counted.
        if (name === 'map')
          return (copy: (row: Float64Array) => Float64Array) => counted(target.map(copy));
        return Reflect.get(target, name, receiver);
      },
    });
  const problem = quadratic({
    theta: new Float64Array(h),
    hessian: () => matrix(n, (i, j) => (i === j ? 1 + i : 0.1)),
    linear: () => new Float64Array(n).fill(1),
    dHessian: () => Array.from({ length: h }, (_, k) => counted(matrix(n, (i, j) => i + j + k))),
  });
  reads = 0;
  unroll(chebyshev(), problem, { steps });
  // Each product reads the second row twice, to check its length and to multiply.
  const products = reads / 2;
  // And once more at the start and the solution, for the natural η.
  expect(products).toBe(h * (steps + 2));
});

describe('the Jacobian of an unrolled method', () => {
  it.each(named(methods))('%s: forward mode and reverse mode are one', (_, method) => {
    for (const seed of [1, 2, 3]) {
      const problem = randomQuadratic(seed);
      for (const from of [0, 7]) {
        const forward = unroll(method, problem, { steps: 25, from });
        const reverse = unroll(method, problem, { steps: 25, from, mode: 'reverse' });
        expect(worstDifference(forward.jacobians, reverse.jacobians)).toBeLessThan(1e-12);
        expect(reverse.iterates).toEqual(forward.iterates);
      }
    }
  });

  it.each(named(methods))('%s: agrees with finite differences', (_, method) => {
    const theta = [0.3, -0.2];
    const problem = randomQuadratic(6, theta);
    // Neither the spectrum nor η may depend on θ.
    const fixed = { ...problem.spectrum, naturalEta: 1 };
    const tuned = method.name === 'sobolev' ? sobolev({ eta: 1 }) : method;
    const { jacobians } = unroll(tuned, randomQuadratic(6, theta, fixed), { steps: 15 });
    for (const t of [1, 2, 9, 15]) {
      for (const j of [0, 1]) {
        const iterate = (values: number[]) =>
          unroll(tuned, randomQuadratic(6, values, fixed), { steps: 15 }).iterates[t]!;
        const difference = differentiate(iterate, theta, j);
        expect(distance([jacobians[t]![j]!], [difference])).toBeLessThan(1e-8);
      }
    }
  });

  it.each(named(methods.slice(0, 8)))(
    '%s: is what Daleckii and Krein say, with an H′ that does not commute with H',
    (_, method) => {
      const small = [1, 2, 3, 4].map((seed) => randomQuadratic(seed));
      // 24 unknowns are enough for matrices that are stored for products by WebAssembly.
      for (const problem of [...small, randomQuadratic(5, undefined, undefined, 24)]) {
        const { jacobians } = unroll(method, problem, { steps: 25 });
        predictJacobianErrors(method, problem, 25).forEach((predicted, t) => {
          const measured = jacobians[t]!.map((column, j) =>
            column.map((value, i) => value - problem.solution.jacobian[j]![i]!),
          );
          expect(distance(predicted, measured)).toBeLessThan(1e-11);
        });
      }
    },
  );

  it('converges to that of the solution, as the iterate does', () => {
    for (const method of methods.slice(0, 8)) {
      const { errors } = unroll(method, randomQuadratic(3), { steps: 300 });
      expect(errors.iterate[300]).toBeLessThan(1e-8);
      expect(errors.jacobian[300]).toBeLessThan(1e-6);
    }
  });

  it('shows no curse where H does not depend on θ, nor where it starts at the solution', () => {
    const lambdas = Float64Array.of(0.01, 0.1, 0.5, 1);
    const never: [string, QuadraticProblem][] = [
      [
        "H' = 0",
        quadratic({
          theta: Float64Array.of(1),
          hessian: () => diagonal(lambdas),
          linear: ([θ]) => lambdas.map(() => θ!),
          dLinear: () => [lambdas.map(() => 1)],
          start: new Float64Array(4).fill(7),
        }),
      ],
      [
        'x₀ = x*',
        quadratic({
          theta: Float64Array.of(0),
          hessian: ([θ]) => diagonal(lambdas.map((value) => value + θ!)),
          dHessian: () => [diagonal(lambdas.map(() => 1))],
          linear: () => lambdas,
          start: new Float64Array(4).fill(1),
        }),
      ],
    ];
    for (const [, problem] of never) {
      for (const method of [gradientDescent({ step: '2/(L+mu)' }), gradientDescent()]) {
        const { jacobian } = unroll(method, problem, { steps: 100 }).errors;
        for (let t = 1; t <= 100; t++) expect(jacobian[t]).toBeLessThanOrEqual(jacobian[t - 1]!);
      }
    }
  });

  it('rises less when differentiation starts late, from the error it started with', () => {
    const lambdas = Float64Array.from({ length: 40 }, (_, i) => 0.01 + (0.99 * i) / 39);
    const problem = quadratic({
      theta: Float64Array.of(0),
      hessian: ([θ]) => diagonal(lambdas.map((value) => value + θ!)),
      dHessian: () => [diagonal(lambdas.map(() => 1))],
      linear: () => lambdas,
      start: new Float64Array(40).fill(11),
    });
    const method = gradientDescent({ step: '2/(L+mu)' });
    const peaks = [0, 50, 200].map((from) =>
      Math.max(...unroll(method, problem, { steps: 600, from }).errors.jacobian),
    );
    expect(peaks[1]).toBeLessThan(peaks[0]! / 2);
    expect(peaks[2]).toBeLessThan(peaks[1]!);
  });
});

describe('the predicted burn-in', () => {
  it.each([0.1, 0.01, 1e-3])('is 1/(2κ) steps to 1/(eκ) for 2/(L + μ), κ = %f', (kappa) => {
    const { peakStep, peakHeight } = burnIn(gradientDescent({ step: '2/(L+mu)' }), {
      mu: kappa,
      L: 1,
    });
    expect(peakStep).toBe(Math.round(1 / (2 * kappa)));
    expect(peakHeight / (1 / (Math.E * kappa))).toBeCloseTo(1, kappa > 0.05 ? 1 : 3);
  });

  it('is 36.8 at step 50 for κ = .01', () => {
    const { peakStep, peakHeight } = burnIn(gradientDescent({ step: '2/(L+mu)' }), {
      mu: 0.01,
      L: 1,
    });
    expect([peakStep, peakHeight.toFixed(1)]).toEqual([50, '36.8']);
  });

  it.each([0.01, 1e-3, 1e-4])('is near 2/ln ξ and 4e⁻²/κ for Chebyshev, κ = %f', (kappa) => {
    const { peakStep, peakHeight, bound } = burnIn(chebyshev(), { mu: kappa, L: 1 });
    const xi = (1 + Math.sqrt(kappa)) / (1 - Math.sqrt(kappa));
    expect(Math.abs(peakStep / (2 / Math.log(xi)) - 1)).toBeLessThan(0.05);
    expect(Math.abs(peakHeight / ((4 * Math.exp(-2)) / kappa) - 1)).toBeLessThan(0.03);
    bound.forEach((value, t) => {
      const formula = (2 / (xi ** t + xi ** -t)) * Math.abs((2 * t * t) / (1 - kappa) - 1);
      expect(value).toBeGreaterThanOrEqual(formula * (1 - 1e-9));
      if (t >= 2) expect(value).toBeLessThanOrEqual(formula * (1 + 1e-9));
    });
  });

  it('is none for steps up to √2/L, and some just above', () => {
    const spectrum = { mu: 0.01, L: 1 };
    for (const step of ['1/L', 'sqrt2/L'] as const) {
      expect(burnIn(gradientDescent({ step }), spectrum)).toMatchObject({
        peakStep: 0,
        peakHeight: 1,
        length: 0,
      });
    }
    expect(burnIn(gradientDescent(1.43), spectrum).length).toBeGreaterThan(0);
    // With μ/L ≥ √2 − 1 not even the longest sensible step has one.
    const step = '2/(L+mu)';
    expect(burnIn(gradientDescent({ step }), { mu: Math.SQRT2 - 1, L: 1 }).length).toBe(0);
    expect(burnIn(gradientDescent({ step }), { mu: 0.4, L: 1 }).length).toBeGreaterThan(0);
  });

  it.each(['1/L', '2/(L+mu)'] as const)('a far start peaks near 1/(eμ) also for %s', (step) => {
    const h = step === '1/L' ? 1 : 2 / 1.01;
    const { peakStep, peakHeight } = burnIn(
      gradientDescent({ step }),
      { mu: 0.01, L: 1 },
      { jacobian: 1, gradient: 1e6 },
    );
    expect(Math.abs(peakStep - 1 / (h * 0.01))).toBeLessThan(3);
    expect(peakHeight / 1e6 / (1 / (Math.E * 0.01))).toBeCloseTo(1, 1);
  });

  it.each([0.1, 0.01, 1e-3, 1e-4])(
    'is attained by the worst quadratic, and never exceeded by another (κ = %f)',
    (kappa) => {
      for (const method of [
        gradientDescent({ step: '2/(L+mu)' }),
        chebyshev(),
        heavyBall(),
        nesterov(),
      ]) {
        if (kappa < 1e-3 && method.name === 'gradientDescent') continue;
        const predicted = burnIn(method, { mu: kappa, L: 1 });
        const steps = predicted.bound.length - 1;
        // d/dθ ∇f(x₀) = 0: ∂b = H'x₀. All of the first error at one eigenvalue.
        const at = (where: (i: number, n: number) => number) => {
          const lambdas = Float64Array.of(kappa, 0.3, 0.7, predicted.eigenvalue);
          const problem = quadratic({
            theta: Float64Array.of(0),
            hessian: ([θ]) => diagonal(lambdas.map((value) => value + θ!)),
            dHessian: () => [diagonal(lambdas.map(() => 1))],
            linear: ([θ]) => lambdas.map((value, i) => (value + 3 * θ!) * where(i, 4)),
            dLinear: () => [lambdas.map((_, i) => 3 * where(i, 4))],
            start: lambdas.map((_, i) => 3 * where(i, 4)),
            spectrum: { mu: kappa, L: 1 },
          });
          const { jacobian } = unroll(method, problem, { steps }).errors;
          return jacobian.map((error) => error / jacobian[0]!);
        };
        const spread = at(() => 1);
        const worst = at((i, n) => (i === n - 1 ? 1 : 0));
        predicted.bound.forEach((bound, t) => {
          expect(spread[t]).toBeLessThanOrEqual(bound * (1 + 1e-9));
          expect(worst[t]).toBeLessThanOrEqual(bound * (1 + 1e-9));
        });
        const peak = Math.max(...worst);
        expect(peak / predicted.peakHeight).toBeGreaterThan(0.999);
        expect(worst.indexOf(peak)).toBe(predicted.peakStep);
      }
    },
  );

  it('refuses what has no burn-in to predict', () => {
    const spectrum = { mu: 0.1, L: 1 };
    expect(() => burnIn(gradientDescent(2.1), spectrum)).toThrow(/below 2\/L/);
    expect(() => burnIn(adam(0.1), spectrum)).toThrow(/adam/);
    expect(() => burnIn(chebyshev(), spectrum, { jacobian: 0 })).toThrow(/jacobian: 0/);
    expect(() => burnIn(sobolev(), spectrum)).toThrow(/naturalEta/);
  });
});

describe('regression problems', () => {
  const noise = random(11);
  const X = Array.from({ length: 30 }, () => noise.normals(5));
  const truth = noise.normals(5);
  const y = multiply(X, truth).map((value) => value + 0.3 * noise.normal());
  const labels = y.map((value) => (value > 0 ? 1 : 0));
  const kinds = {
    ridge: (lambda: number) => ridgeRegression({ X, y, lambda }),
    logistic: (lambda: number) => logisticRegression({ X, y: labels, lambda }),
  };

  it.each(Object.entries(kinds))('%s: solution, Jacobian and products are right', (_, make) => {
    const problem: SolvedProblem = make(0.2);
    const { theta, solution } = problem;
    expect(Math.hypot(...problem.innerGradient(solution.x, theta))).toBeLessThan(1e-13);
    const jacobian = differentiate(([λ]) => make(λ!).solution.x, [0.2], 0);
    expect(distance(solution.jacobian, [jacobian])).toBeLessThan(1e-8);

    const w = noise.normals(5);
    const v = noise.normals(5);
    const alongV = ([s]: number[]) =>
      problem.innerGradient(
        w.map((value, i) => value + s! * v[i]!),
        theta,
      );
    const Hv = problem.innerHessian(w, theta).apply(v);
    expect(distance([Hv], [differentiate(alongV, [0], 0)])).toBeLessThan(1e-9);
    const alongθ = (values: number[]) => problem.innerGradient(w, Float64Array.from(values));
    const B = problem.innerMixed(w, theta).jvp(Float64Array.of(1));
    expect(distance([B], [differentiate(alongθ, [0.2], 0)])).toBeLessThan(1e-9);
    const pulled = problem.innerMixed(w, theta).vjp(v)[0]!;
    expect(pulled).toBeCloseTo(
      B.reduce((sum, value, i) => sum + value * v[i]!, 0),
      12,
    );
  });

  it.each(Object.entries(kinds))(
    '%s: forward mode, reverse mode and finite differences agree',
    (_, make) => {
      const { spectrum } = make(0.2);
      for (const method of [gradientDescent(), nesterov(), adam(0.1)]) {
        const at = (λ: number) => ({ ...make(λ), spectrum });
        const forward = unroll(method, at(0.2), { steps: 20 });
        const reverse = unroll(method, at(0.2), { steps: 20, mode: 'reverse' });
        expect(worstDifference(forward.jacobians, reverse.jacobians)).toBeLessThan(1e-12);
        const last = differentiate(
          ([λ]) => unroll(method, at(λ!), { steps: 20 }).iterates[20]!,
          [0.2],
          0,
        );
        expect(distance(forward.jacobians[20]!, [last])).toBeLessThan(2e-8);
      }
    },
  );

  it('the bounds of the spectrum hold wherever an iteration goes', () => {
    const problem = logisticRegression({ X, y: labels, lambda: 0.05 });
    const { mu, L } = problem.spectrum;
    for (const scale of [0, 1, 10]) {
      const H = problem.innerHessian(
        truth.map((value) => scale * value),
        problem.theta,
      );
      const columns = matrix(5, (i, j) => (i === j ? 1 : 0)).map((unit) => H.apply(unit));
      const { values } = eigen(columns.map((c, i) => c.map((v, j) => (v + columns[j]![i]!) / 2)));
      expect(values[0]).toBeGreaterThanOrEqual(mu * (1 - 1e-12));
      expect(values[4]).toBeLessThanOrEqual(L * (1 + 1e-12));
    }
  });

  it.each<[string, () => unknown, RegExp]>([
    ['λ = 0', () => ridgeRegression({ X, y, lambda: 0 }), /lambda of 0/],
    ['a missing target', () => ridgeRegression({ X, y: y.slice(1), lambda: 1 }), /29 targets/],
    ['a label of 2', () => logisticRegression({ X, y: labels.map(() => 2), lambda: 1 }), /label/],
  ])('refuse %s', (_, make, message) => {
    expect(make).toThrow(message);
  });
});

describe('bad problems are refused', () => {
  const good = {
    theta: Float64Array.of(1),
    hessian: () => [Float64Array.of(2, 1), Float64Array.of(1, 2)],
    linear: () => Float64Array.of(1, 1),
  };
  it.each<[string, () => unknown, RegExp]>([
    [
      'a Hessian that is not symmetric',
      () => quadratic({ ...good, hessian: () => [Float64Array.of(2, 1), Float64Array.of(0, 2)] }),
      /symmetric/,
    ],
    [
      'one that is not positive definite',
      () => quadratic({ ...good, hessian: () => [Float64Array.of(1, 2), Float64Array.of(2, 1)] }),
      /eigenvalue is -(1|0.99)/,
    ],
    [
      'a NaN in it',
      () =>
        quadratic({
          ...good,
          hessian: () => [Float64Array.of(1, Number.NaN), Float64Array.of(Number.NaN, 1)],
        }),
      /NaN/,
    ],
    [
      'one of another size',
      () => quadratic({ ...good, hessian: () => [Float64Array.of(1)] }),
      /1 × 1/,
    ],
    [
      'a start of another size',
      () => quadratic({ ...good, start: new Float64Array(3) }),
      /length 3/,
    ],
    ['a derivative too few', () => quadratic({ ...good, dLinear: () => [] }), /0 of b/],
    ['half a step', () => unroll(gradientDescent(), quadratic(good), { steps: 0.5 }), /0\.5/],
    [
      'a negative first step',
      () => unroll(gradientDescent(), quadratic(good), { steps: 5, from: -1 }),
      /-1/,
    ],
  ])('%s', (_, make, message) => {
    expect(make).toThrow(message);
  });
});

it.each(['solution', 'start', 'dHessian', 'eigen'] as const)(
  'predictions refuse a problem with a part missing: %s',
  (part) => {
    const problem = quadratic({
      theta: Float64Array.of(1),
      hessian: () => [Float64Array.of(1, 0), Float64Array.of(0, 2)],
      linear: () => Float64Array.of(1, 1),
      dHessian: () => [[Float64Array.of(1, 0), Float64Array.of(0, 0)]],
    });
    const less = {
      solution: { ...problem.solution, jacobian: [] },
      start: { ...problem.start, jacobian: [] },
      dHessian: [],
      eigen: { ...problem.eigen, vectors: problem.eigen.vectors.slice(1) },
    };
    const spoilt = { ...problem, [part]: less[part] };
    expect(() => predictJacobianErrors(gradientDescent(0.3), spoilt, 2)).toThrow(ShapeError);
  },
);
