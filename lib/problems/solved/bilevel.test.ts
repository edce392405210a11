import { describe, expect, it } from 'vitest';
import { classificationData, type LinearData, regressionData } from '../../datasets/linear-data';
import { InputError, NotFiniteError, ShapeError } from '../../errors';
import { random } from '../../numbers';
import { float64 } from '../../spaces';
import { bilevelLogistic } from './bilevel-logistic';
import { bilevelQuadratic } from './bilevel-quadratic';
import { bilevelRidge } from './bilevel-ridge';
import type { KnownBilevel } from './known-bilevel';
import { logarithmic } from './logarithmic';

const numbers = regressionData({ train: 12, validation: 9, features: 4, condition: 10, seed: 1 });
const labels = classificationData({ train: 30, validation: 20, features: 3, seed: 2 });
const quadratic = bilevelQuadratic({
  eigenvalues: [0.1, 0.5, 1, 2, 10],
  hyperparameters: 3,
  seed: 3,
});

const problems: [string, KnownBilevel][] = [
  ['ridge, a λ for each weight', bilevelRidge(numbers)],
  ['ridge, one λ', bilevelRidge(numbers, { penalty: 'shared' })],
  ['ridge with more features than rows', bilevelRidge({ ...numbers, train: first(numbers, 3) })],
  ['logistic, one λ', bilevelLogistic(labels)],
  ['logistic, a λ for each weight', bilevelLogistic(labels, { penalty: 'per-weight' })],
  ['quadratic', quadratic],
  ['ridge by log λ', logarithmic(bilevelRidge(numbers))],
  ['quadratic by log λ', logarithmic(quadratic)],
];

function first({ train }: LinearData, rows: number) {
  return { X: train.X.slice(0, rows), y: train.y.slice(0, rows) };
}

/** `d f(x + tv)/dt` at 0, by central differences of the fourth order. */
function slope<T extends Float64Array | number>(
  f: (x: Float64Array) => T,
  x: Float64Array,
  v: Float64Array,
): Float64Array {
  const h = 1e-3;
  const at = (t: number) => {
    const value = f(float64.axpy(t * h, v, x));
    return typeof value === 'number' ? Float64Array.of(value) : (value as Float64Array);
  };
  const [a, b, c, d] = [at(-2), at(-1), at(1), at(2)];
  return a.map((value, i) => (value - 8 * b[i]! + 8 * c[i]! - d[i]!) / (12 * h));
}

function expectNear(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance = 1e-8) {
  expect(actual.length).toBe(expected.length);
  const scale = Math.max(1, ...Array.from(expected, Math.abs));
  const error = Math.max(...Array.from(actual, (value, i) => Math.abs(value - expected[i]!)));
  expect(error / scale).toBeLessThan(tolerance);
}

describe.each(problems)('%s', (_, problem) => {
  const stream = random(4);
  const w = stream.normals(problem.weights);
  const dw = stream.normals(problem.weights);
  const λ = stream.normals(problem.hyperparameters).map((value) => 0.3 + 0.1 * value);
  const dλ = stream.normals(problem.hyperparameters).map((value) => 0.3 * value);
  const along = (gradient: Float64Array, v: Float64Array) =>
    Float64Array.of(float64.dot(gradient, v));

  it('has the gradient of its inner loss', () => {
    const expected = slope((x) => problem.inner(x, λ), w, dw);
    expectNear(along(problem.innerGradient(w, λ), dw), expected);
  });

  it('has the Hessian of its inner loss', () => {
    const expected = slope((x) => problem.innerGradient(x, λ), w, dw);
    expectNear(problem.innerHessian(w, λ).apply(dw), expected);
  });

  it('has the mixed derivative of its inner loss, and its transpose', () => {
    const mixed = problem.innerMixed(w, λ);
    expectNear(
      mixed.jvp(dλ),
      slope((x) => problem.innerGradient(w, x), λ, dλ),
    );
    expectNear(along(mixed.vjp(dw), dλ), along(mixed.jvp(dλ), dw), 1e-13);
  });

  it('has both derivatives of its outer loss', () => {
    const outer = problem.outer(w, λ);
    expect(outer.dlambda).toBe(outer.dλ);
    expectNear(
      along(outer.dw, dw),
      slope((x) => problem.outer(x, λ).value, w, dw),
    );
    expectNear(
      along(outer.dλ, dλ),
      slope((x) => problem.outer(w, x).value, λ, dλ),
    );
  });

  it('knows its solution', () => {
    expectNear(problem.innerGradient(problem.solution(λ), λ), new Float64Array(w.length), 1e-12);
  });

  it('knows its hypergradient', () => {
    const total = (x: Float64Array) => problem.outer(problem.solution(x), x).value;
    expectNear(along(problem.hypergradient(λ), dλ), slope(total, λ, dλ));
  });

  it('refuses vectors of another length', () => {
    const long = new Float64Array(problem.weights + problem.hyperparameters);
    expect(() => problem.solution(long)).toThrow(ShapeError);
    expect(() => problem.innerGradient(long, λ)).toThrow(ShapeError);
    expect(() => problem.outer(long, λ)).toThrow(ShapeError);
  });
});

describe('closed forms', () => {
  const one = (x: number, y: number) => ({ X: [Float64Array.of(x)], y: Float64Array.of(y) });

  it('ridge with one weight: w* = xy/(x² + λ), dg/dλ = −(x̂w* − ŷ)x̂ w*/(x² + λ)', () => {
    const problem = bilevelRidge({ train: one(2, 3), validation: one(5, 1) });
    const w = 6 / 4.5;
    expectNear(problem.solution(Float64Array.of(0.5)), [w], 1e-14);
    expectNear(problem.hypergradient(Float64Array.of(0.5)), [(-(5 * w - 1) * 5 * w) / 4.5], 1e-14);
  });

  it('logistic with one weight: λw* = x p(−x w*) at a label of 1', () => {
    const problem = bilevelLogistic({ train: one(2, 1), validation: one(1, 0) });
    const [w] = problem.solution(Float64Array.of(0.5)) as unknown as [number];
    expect(0.5 * w - 2 / (1 + Math.exp(2 * w))).toBeCloseTo(0, 13);
  });

  it('quadratic: the Hessian has the eigenvalues asked for', () => {
    const columns = Array.from({ length: 5 }, (_, j) => {
      const unit = new Float64Array(5);
      unit[j] = 1;
      return quadratic.innerHessian(unit, unit).apply(unit);
    });
    const trace = columns.reduce((sum, column, j) => sum + column[j]!, 0);
    const squares = columns.reduce((sum, column) => sum + float64.dot(column, column), 0);
    expect(trace).toBeCloseTo(13.6, 12);
    expect(squares).toBeCloseTo(105.26, 11);
    expect(Math.abs(columns[0]![4]!)).toBeGreaterThan(1e-3);
  });

  it('log λ multiplies by λ', () => {
    const problem = bilevelRidge(numbers);
    const λ = Float64Array.of(0.1, 0.2, 0.3, 0.4);
    const expected = problem.hypergradient(λ).map((value, i) => value * λ[i]!);
    expectNear(logarithmic(problem).hypergradient(λ.map(Math.log)), expected, 1e-13);
  });
});

describe('data', () => {
  it('are the same for a seed, and others for another', () => {
    const options = { train: 5, features: 3, seed: 7 };
    expect(regressionData(options)).toEqual(regressionData(options));
    expect(regressionData(options)).not.toEqual(regressionData({ ...options, seed: 8 }));
  });

  it('have the noise, the variances and the weights asked for', () => {
    const { train, validation, weights } = regressionData({
      train: 20_000,
      validation: 10,
      features: 3,
      relevant: 2,
      condition: 100,
      noise: 0.5,
      seed: 1,
    });
    const meanSquare = (values: ArrayLike<number>) =>
      Array.from(values).reduce((sum, value) => sum + value ** 2 / values.length, 0);
    const column = (j: number) => train.X.map((row) => row[j]!);
    expect(validation.X.length).toBe(10);
    expect(weights[1]).not.toBe(0);
    expect(weights[2]).toBe(0);
    [1, 0.1, 0.01].forEach((variance, j) => {
      expect(meanSquare(column(j)) / variance).toBeCloseTo(1, 1);
    });
    const noise = train.y.map((y, i) => y - float64.dot(train.X[i]!, weights));
    expect(meanSquare(noise)).toBeCloseTo(0.25, 1);
  });

  it('have labels that follow the weights', () => {
    const { train, weights } = classificationData({ train: 5000, features: 4, seed: 1 });
    const steep = train.X.map((x) => float64.dot(x, weights));
    const rate = (keep: (z: number) => boolean) => {
      const chosen = [...train.y].filter((_, i) => keep(steep[i]!));
      return chosen.reduce((sum, y) => sum + y, 0) / chosen.length;
    };
    expect(rate((z) => z > 1)).toBeGreaterThan(0.73);
    expect(rate((z) => z < -1)).toBeLessThan(0.27);
    expect(rate((z) => Math.abs(z) < 0.2)).toBeCloseTo(0.5, 1);
  });

  it('refuse counts that are none', () => {
    expect(() => regressionData({ train: 0, features: 1, seed: 1 })).toThrow(/train: 0/);
    expect(() => classificationData({ train: 3, features: 1.5, seed: 1 })).toThrow(InputError);
  });
});

describe('bad input', () => {
  const ridge = bilevelRidge(numbers, { penalty: 'shared' });

  it('names a λ that is negative or not finite', () => {
    expect(() => ridge.solution(Float64Array.of(-1))).toThrow(InputError);
    expect(() => ridge.innerGradient(numbers.weights, Float64Array.of(Number.NaN))).toThrow(
      NotFiniteError,
    );
  });

  it('says that a singular inner problem has no single solution', () => {
    const underdetermined = bilevelRidge({ ...numbers, train: first(numbers, 3) });
    expect(() => underdetermined.solution(new Float64Array(4))).toThrow(/larger λ/);
    expect(() => underdetermined.hypergradient(new Float64Array(4))).toThrow(/larger λ/);
  });

  it('says that separable data without a penalty have no solution', () => {
    const X = [Float64Array.of(-1), Float64Array.of(1)];
    const separable = { X, y: Float64Array.of(0, 1) };
    const problem = bilevelLogistic({ train: separable, validation: separable });
    expect(() => problem.solution(Float64Array.of(0))).toThrow(/larger λ/);
  });

  it('refuses data that do not fit', () => {
    const uneven = { X: numbers.train.X, y: new Float64Array(3) };
    expect(() => bilevelRidge({ ...numbers, train: uneven })).toThrow(ShapeError);
    const empty = { X: [], y: new Float64Array(0) };
    expect(() => bilevelRidge({ ...numbers, validation: empty })).toThrow(InputError);
    expect(() => bilevelLogistic(numbers)).toThrow(/label/);
  });

  it('refuses a spectrum that is not positive', () => {
    expect(() => bilevelQuadratic({ eigenvalues: [1, 0], hyperparameters: 1, seed: 1 })).toThrow(
      InputError,
    );
    expect(() => bilevelQuadratic({ eigenvalues: [1], hyperparameters: 0, seed: 1 })).toThrow(
      InputError,
    );
  });
});
