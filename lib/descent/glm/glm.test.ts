import { describe, expect, it } from 'vitest';
import { InputError, NotFiniteError, ShapeError } from '../../errors';
import { random } from '../../numbers';
import { float64 } from '../../spaces';
import { correlatedRegression, decreasingRate, explicitGLM, type GlmSample, implicitGLM } from '.';
import { families } from './family';
import { implicitRoot } from './implicit-root';

const norm = (x: Float64Array) => Math.hypot(...x);

describe('the implicit step', () => {
  it.each(['linear', 'logistic', 'poisson'] as const)(
    '%s: the residual is taken at the θ where it ends',
    (name) => {
      const { mean } = families[name];
      const draw = random(1);
      for (let k = 0; k < 300; k++) {
        const gamma = 10 ** (6 * draw.uniform() - 3);
        const [x, theta] = [draw.normals(5), draw.normals(5)];
        const y = name === 'poisson' ? draw.integer(20) : draw.integer(2);
        const next = implicitGLM({ family: name, rate: () => 1 }).step(theta, { x, y }, gamma);
        const moved = float64.subtract(next, theta);
        const wanted = float64.scale(gamma * (y - mean(float64.dot(x, next))), x);
        // γ h'‖x‖² times the rounding of θ⁺ is what the right-hand side can be known to.
        const slack = 1e-14 * (1 + gamma * (1 + mean(float64.dot(x, next))) * norm(x) ** 2) * 10;
        expect(norm(float64.subtract(moved, wanted))).toBeLessThan(slack * (1 + norm(theta)));
      }
    },
  );

  it('has a closed form for linear regression', () => {
    const [x, theta] = [Float64Array.of(1, 2), Float64Array.of(3, -1)];
    const next = implicitGLM({ rate: () => 1 }).step(theta, { x, y: 4 }, 0.5);
    // θ + γ (y − xᵀθ) x/(1 + γ‖x‖²) = θ + .5 · 3/3.5 · x
    expect(next[0]).toBeCloseTo(3 + 3 / 7, 14);
    expect(next[1]).toBeCloseTo(-1 + 6 / 7, 14);
  });

  it('never goes further than the explicit one, nor the other way', () => {
    const draw = random(2);
    for (const family of Object.values(families)) {
      for (let k = 0; k < 300; k++) {
        const [eta, gamma, s, y] = [3 * draw.normal(), 10 * draw.uniform(), 5 * draw.uniform(), 1];
        const explicit = gamma * (y - family.mean(eta));
        const xi = implicitRoot(family, y, eta, s, gamma);
        expect(Math.abs(xi)).toBeLessThanOrEqual(Math.abs(explicit) * (1 + 1e-12));
        expect(xi * explicit).toBeGreaterThanOrEqual(0);
      }
    }
  });

  it.each([
    [800, 1e-3, 1],
    [800, 1e6, 2],
    [1e4, 1, 100],
    [-800, 1e6, 1],
    [30, 1e12, 1e-6],
  ])(
    'finds the Poisson root where exp overflows at the far end: η = %f, γ = %f, s = %f',
    (...given) => {
      const [eta, gamma, s] = given;
      const xi = implicitRoot(families.poisson, 3, eta, s, gamma);
      // ξ = γ (y − exp(η + sξ)) with logarithms taken: no overflow.
      expect(Math.log(3 - xi / gamma)).toBeCloseTo(eta + s * xi, 6);
    },
  );

  it('finds the root of a logistic model with rates of any size', () => {
    for (const gamma of [1e-9, 1, 1e9]) {
      for (const eta of [-700, -5, 0, 5, 700]) {
        const xi = implicitRoot(families.logistic, 1, eta, 1, gamma);
        const back = gamma * (1 - families.logistic.mean(eta + xi));
        expect(Math.abs(xi - back)).toBeLessThan(1e-9 * (1 + gamma * 1e-6));
      }
    }
  });

  it('leaves θ alone where x = 0', () => {
    const theta = Float64Array.of(1, 2);
    const { step } = implicitGLM({ family: 'poisson', rate: () => 1 });
    expect(step(theta, { x: new Float64Array(2), y: 5 }, 1)).toEqual(theta);
  });
});

describe('Toulis and Airoldi’s setting', () => {
  const problem = correlatedRegression();
  const fits = (scale: number, seed: number, count = 2000) => {
    const rate = decreasingRate({ first: 1 / problem.trace, curvature: problem.smallest, scale });
    const samples = [...problem.samples(count, seed)];
    const start = new Float64Array(problem.dimension);
    return {
      explicit: explicitGLM({ rate }).fit(samples, start),
      implicit: implicitGLM({ rate }).fit(samples, start),
    };
  };

  it.each([0, 1])('at the best rate both are as good, seed %i', (seed) => {
    const { explicit, implicit } = fits(1, seed, 10_000);
    // Over 32 seeds .0105 ± .0019 and .0103 ± .0019.
    for (const { theta } of [explicit, implicit]) {
      expect(problem.risk(theta)).toBeGreaterThan(0.005);
      expect(problem.risk(theta)).toBeLessThan(0.016);
    }
  });

  it.each([0, 1, 2])(
    'at ten times that the explicit one is gone, the implicit one not, seed %i',
    (seed) => {
      const { explicit, implicit } = fits(10, seed);
      expect(problem.risk(explicit.theta)).toBeGreaterThan(1e6);
      expect(problem.risk(implicit.theta)).toBeLessThan(1);
    },
  );

  it.each([0, 1, 2])(
    'at fifty times it overflows, and says so with a finite θ, seed %i',
    (seed) => {
      const { explicit, implicit } = fits(50, seed);
      expect(explicit.status).toBe('diverged');
      expect(explicit.theta.every(Number.isFinite)).toBe(true);
      expect(explicit.steps).toBeLessThan(2000);
      expect([implicit.status, implicit.steps]).toEqual(['finished', 2000]);
      expect(problem.risk(implicit.theta)).toBeLessThan(3);
    },
  );

  it('has the covariance, and so the risk, that it claims', () => {
    const { dimension, truth, risk } = problem;
    const theta = random(5).normals(dimension);
    const e = float64.subtract(theta, truth);
    let [losses, count] = [0, 0];
    for (const { x, y } of problem.samples(4000, 7)) {
      // Half the squared error less that of the truth: the noise cancels, but for its covariance.
      losses += ((y - float64.dot(x, theta)) ** 2 - (y - float64.dot(x, truth)) ** 2) / 2;
      count += 1;
    }
    expect(losses / count / risk(theta)).toBeCloseTo(1, 1);
    // The Rayleigh quotient of A is nowhere below the eigenvalue claimed, and near it somewhere.
    expect((2 * risk(theta)) / float64.dot(e, e)).toBeGreaterThan(problem.smallest);
    expect(problem.smallest).toBeGreaterThan(0.2);
    expect(problem.smallest).toBeLessThan(0.2 + 0.8 / 99);
  });
});

describe('in the long run', () => {
  /** One feature √2, noise 1: Fisher information 2. */
  function* line(count: number, seed: number): Generator<GlmSample> {
    const draw = random(seed);
    const x = Float64Array.of(Math.SQRT2);
    for (let t = 0; t < count; t++) yield { x, y: Math.SQRT2 + draw.normal() };
  }
  const count = 300;
  const runs = 1000;
  const variance = (values: number[]) =>
    (count * values.reduce((sum, value) => sum + (value - 1) ** 2, 0)) / values.length;

  it.each([
    [0.4, 0.533],
    [1, 0.667],
    [3, 1.636],
  ])('γ₁ = %f: the variance of both is γ₁²I/(2γ₁I − 1)/n', (first, wanted) => {
    for (const make of [implicitGLM, explicitGLM]) {
      const method = make({ rate: (t) => first / t });
      const ends = Array.from({ length: runs }, (_, seed) => {
        return method.fit(line(count, seed), Float64Array.of(1)).theta[0]!;
      });
      // Three standard errors of a variance from 1000 runs are 13.4 %.
      expect(Math.abs(variance(ends) / wanted - 1)).toBeLessThan(0.15);
    }
  });

  it('the average has the smallest variance there is, 1/I/n', () => {
    const rate = decreasingRate({ first: 0.5, curvature: 2, exponent: 0.6 });
    const averages = Array.from({ length: runs }, (_, seed) => {
      return implicitGLM({ rate }).fit(line(count, seed), Float64Array.of(1)).average[0]!;
    });
    expect(Math.abs(variance(averages) / 0.5 - 1)).toBeLessThan(0.15);
  });

  it.each(['logistic', 'poisson'] as const)('%s regression comes to the truth', (family) => {
    const truth = Float64Array.of(0.5, -1, 0.25);
    const { mean } = families[family];
    const draw = random(3);
    const samples = Array.from({ length: 20_000 }, () => {
      const x = draw.normals(3);
      const m = mean(float64.dot(x, truth));
      return {
        x,
        y: family === 'logistic' ? Number(draw.uniform() < m) : poisson(m, draw.uniform),
      };
    });
    const rate = decreasingRate({ first: 1, curvature: 1, exponent: 0.7 });
    const { average, theta } = implicitGLM({ family, rate }).fit(samples, new Float64Array(3));
    expect(norm(float64.subtract(average, truth))).toBeLessThan(0.06);
    expect(norm(float64.subtract(theta, truth))).toBeLessThan(0.3);
  });
});

/** A Poisson number of this mean, by the product of uniform ones. */
function poisson(mean: number, uniform: () => number): number {
  const limit = Math.exp(-mean);
  let count = 0;
  for (let product = uniform(); product > limit; product *= uniform()) count += 1;
  return count;
}

describe('fit', () => {
  const fine = { x: Float64Array.of(1, 2), y: 1 };
  const start = new Float64Array(2);
  const rate = () => 0.1;

  it.each([
    [{ ...fine, x: Float64Array.of(1) }, /1 features/],
    [{ ...fine, x: Float64Array.of(1, Number.NaN) }, /sample 1/],
    [{ ...fine, y: Number.NaN }, /sample 1 with y = NaN/],
    [{ ...fine, y: -1 }, /y = -1/],
  ])('refuses the sample %j, and says which it is', (sample, message) => {
    expect(() => implicitGLM({ family: 'poisson', rate }).fit([fine, sample], start)).toThrow(
      message,
    );
  });

  it('refuses classes other than 0 and 1, unknown families, and rates that are not positive', () => {
    expect(() => implicitGLM({ family: 'logistic', rate }).fit([{ ...fine, y: 2 }], start)).toThrow(
      /from 0 to 1/,
    );
    expect(() => implicitGLM({ family: 'gamma' as 'linear', rate })).toThrow(/'gamma'/);
    expect(() => implicitGLM({ rate: () => 0 }).fit([fine], start)).toThrow(/rate 0 at step 1/);
    expect(() => decreasingRate({ first: -1, curvature: 1 })).toThrow(/first: -1/);
  });

  it('leaves the start as it was, and returns it for no samples', () => {
    const theta0 = Float64Array.of(1, 1);
    implicitGLM({ rate }).fit([fine], theta0);
    expect([...theta0]).toEqual([1, 1]);
    expect(implicitGLM({ rate }).fit([], theta0).theta).toEqual(theta0);
  });

  it('averages the θ after each step', () => {
    const method = implicitGLM({ rate });
    const samples = [...correlatedRegression(2).samples(3, 1)];
    let theta: Float64Array = start;
    let sum: Float64Array = start;
    for (const sample of samples) {
      theta = method.step(theta, sample, 0.1);
      sum = float64.axpy(1, theta, sum);
    }
    const { average } = method.fit(samples, start);
    expect(norm(float64.subtract(average, float64.scale(1 / 3, sum)))).toBeLessThan(1e-15);
  });
});

describe('step', () => {
  const x = Float64Array.of(1);
  const theta = Float64Array.of(0);
  it.each([
    ['a class beyond 1', { x, y: 3 }, 1, InputError],
    ['y = NaN', { x, y: Number.NaN }, 1, NotFiniteError],
    ['x = NaN', { x: Float64Array.of(Number.NaN), y: 1 }, 1, NotFiniteError],
    ['an x that is longer than θ', { x: Float64Array.of(1, 2), y: 1 }, 1, ShapeError],
    ['a text for y', { x, y: '1' }, 1, InputError],
    ['an x of plain numbers', { x: [1], y: 1 }, 1, InputError],
    ['no sample', undefined, 1, InputError],
    ['a rate of 0', { x, y: 1 }, 0, InputError],
    ['no rate', { x, y: 1 }, undefined, InputError],
  ])('refuses %s, as fit does', (_, sample, gamma, kind) => {
    for (const make of [implicitGLM, explicitGLM]) {
      const method = make({ family: 'logistic', rate: () => gamma as number });
      expect(() => method.step(theta, sample as GlmSample, gamma as number)).toThrow(kind);
      expect(() => method.fit([sample as GlmSample], theta)).toThrow(kind);
    }
    expect([...theta]).toEqual([0]);
  });

  it('does not return what is not finite', () => {
    const method = explicitGLM({ family: 'poisson', rate: () => 1 });
    const far = Float64Array.of(1000);
    expect(() => method.step(far, { x, y: 0 }, 1)).toThrow(NotFiniteError);
  });

  it.each([1e-100, 1e-6, 1e6, 1e100])('does not depend on the unit of x: %f', (unit) => {
    for (const family of ['linear', 'logistic', 'poisson'] as const) {
      const method = implicitGLM({ family, rate: () => 1 });
      const plain = method.step(Float64Array.of(0.3, -1), { x: Float64Array.of(1, 2), y: 1 }, 5);
      const start = Float64Array.of(0.3 / unit, -1 / unit);
      const sample = { x: Float64Array.of(unit, 2 * unit), y: 1 };
      const scaled = method.step(start, sample, 5 / unit ** 2);
      plain.forEach((value, i) => {
        expect(scaled[i]! * unit).toBeCloseTo(value, 12);
      });
    }
  });
});

it('the risk of a stream is that of as many numbers as it has features', () => {
  const { risk, truth } = correlatedRegression(4);
  expect(risk(truth)).toBe(0);
  expect(() => risk(Float64Array.of(1))).toThrow(ShapeError);
  expect(() => risk([1, 1, 1, 1] as never)).toThrow(InputError);
});
