import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { random } from '../numbers';
import { float64, type LinearOperator } from '../spaces';
import { cg, fixedPoint, identityMinus, neumann } from '.';
import { iterateMasked } from './masked';
import { richardson } from './richardson';

const diagonal = (...d: number[]): LinearOperator<Float64Array> => ({
  apply: (v) => v.map((value, i) => d[i]! * value),
  dispose() {},
});
const norm = (x: Float64Array) => Math.hypot(...x);

/** `α Σ_{k<K} (I − αA)ᵏ b`, term by term. */
function series(A: LinearOperator<Float64Array>, b: Float64Array, scale: number, terms: number) {
  let term = float64.scale(scale, b);
  let sum = float64.zeros(b);
  for (let k = 0; k < terms; k++) {
    sum = float64.axpy(1, term, sum);
    term = float64.axpy(-scale, A.apply(term), term);
  }
  return sum;
}

describe('neumann', () => {
  const A = diagonal(0.1, 0.5, 1, 1.9);
  const b = Float64Array.of(1, 2, 3, 4);

  it.each([1, 2, 5, 40])('adds up exactly %i terms', (terms) => {
    const { value, iterations } = neumann({ terms, scale: 0.9 }).solveSync(A, b);
    expect(iterations).toBe(terms);
    expect(norm(float64.subtract(value, series(A, b, 0.9, terms)))).toBeLessThan(1e-14);
  });

  it('is αb for one term', () => {
    const { value } = neumann({ terms: 1, scale: 0.25 }).solveSync(A, b);
    expect([...value]).toEqual([0.25, 0.5, 0.75, 1]);
  });

  it('has the error (1 − αλ)ᴷ in each eigenvector', () => {
    const { value } = neumann({ terms: 30, scale: 0.5 }).solveSync(A, b);
    [0.1, 0.5, 1, 1.9].forEach((lambda, i) => {
      expect(1 - (value[i]! * lambda) / b[i]!).toBeCloseTo((1 - 0.5 * lambda) ** 30, 14);
    });
  });

  it('is the damped system’s series where damped', () => {
    const damped = neumann({ terms: 7, scale: 0.3, damping: 0.2 }).solveSync(A, b).value;
    const shifted = diagonal(0.3, 0.7, 1.2, 2.1);
    expect(norm(float64.subtract(damped, series(shifted, b, 0.3, 7)))).toBeLessThan(1e-14);
  });

  it('finds a scale that converges and is not too timid, whatever the size of A', () => {
    for (const size of [1e-6, 1, 1e6]) {
      for (const seed of [1, 2, 3, 4, 5]) {
        const n = 50;
        const eigenvalues = random(seed)
          .normals(n)
          .map((value) => size * value ** 2);
        const right = random(seed + 100).normals(n);
        const one = neumann({ terms: 1 }).solveSync(diagonal(...eigenvalues), right).value;
        const alpha = one[0]! / right[0]!;
        const largest = Math.max(...eigenvalues);
        expect(alpha * largest).toBeLessThan(1);
        expect(alpha * largest).toBeGreaterThan(1 / 3);
      }
    }
  });

  it('finds a large eigenvalue of which b has almost nothing', () => {
    const spectrum = Float64Array.from({ length: 40 }, (_, i) => (i === 0 ? 100 : i / 40));
    const right = spectrum.map((_, i) => (i === 0 ? 1e-5 : 1));
    const { status, value } = neumann({ terms: 200 }).solveSync(diagonal(...spectrum), right);
    expect(status).toBe('max-iterations');
    expect(value[0]!).toBeCloseTo(1e-7, 10);
  });

  it('says that it diverges, and returns the sum before it did', () => {
    const { status, iterations, value } = neumann({ terms: 100, scale: 1.2 }).solveSync(
      A,
      Float64Array.of(1, 1, 1, 1e-3),
    );
    expect(status).toBe('diverged');
    expect(iterations).toBeGreaterThan(0);
    expect(iterations).toBeLessThan(100);
    expect([...value].every((v) => Math.abs(v) < 10)).toBe(true);
  });

  it('says so of a matrix that is not positive definite', () => {
    const { status, value } = neumann({ terms: 50 }).solveSync(
      diagonal(1, 0.5, -0.5),
      Float64Array.of(1, 1, 1e-2),
    );
    expect(status).toBe('diverged');
    expect([...value].every(Number.isFinite)).toBe(true);
  });

  it('stops at a tolerance where one is given', () => {
    const { status, iterations } = neumann({ terms: 500, tolerance: 1e-3 }).solveSync(A, b);
    expect(status).toBe('converged');
    expect(iterations).toBeLessThan(200);
  });

  it('is never ahead of conjugate gradients after as many products', () => {
    const error = (x: Float64Array) => {
      const e = float64.subtract(x, Float64Array.of(10, 4, 3, 4 / 1.9));
      return Math.sqrt(float64.dot(e, A.apply(e)));
    };
    for (const k of [1, 2, 3]) {
      const sum = neumann({ terms: k, scale: 0.5 }).solveSync(A, b).value;
      const best = cg({ maxIterations: k, tolerance: 0 }).solveSync(A, b).value;
      expect(error(best)).toBeLessThanOrEqual(error(sum));
    }
  });

  it.each([
    [{ terms: 0 }, /terms: 0/],
    [{ scale: 0 }, /scale: 0/],
    [{ scale: Number.NaN }, /neumann\(\{ scale/],
    [{ damping: -1 }, /damping: -1/],
  ])('refuses %j', (options, message) => {
    expect(() => neumann(options)).toThrow(message);
  });
});

describe('fixedPoint', () => {
  // Eigenvalues .5 and .4, but a norm of 3.1: the residual grows before it falls.
  const nonNormal: LinearOperator<Float64Array> = {
    apply: ([a, b]) => Float64Array.of(0.5 * a! + 3 * b!, 0.4 * b!),
    dispose() {},
  };

  it.each([1, 2, 3, 4, 5, 30])(
    'adds up exactly %i terms, whatever the residual does',
    async (K) => {
      const b = Float64Array.of(1, 2);
      const terms = series(identityMinus(nonNormal), b, 1, K);
      const solver = fixedPoint({ maxIterations: K, tolerance: 0 });
      const solution = await solver.solve(identityMinus(nonNormal), b);
      expect(solution).toMatchObject({ iterations: K, status: 'max-iterations' });
      expect(norm(float64.subtract(solution.value, terms))).toBeLessThan(1e-13);
      expect(solution.residualNorm).toBeCloseTo(
        norm(float64.subtract(b, identityMinus(nonNormal).apply(terms))),
        12,
      );
      // The same without reading a number, as on a GPU.
      const masked = iterateMasked(
        { space: float64, A: identityMinus(nonNormal), b },
        richardson(() => 1 as never, { sums: true }),
        { tolerance: 0, maxIterations: K },
        undefined,
      );
      expect(norm(float64.subtract(masked.value, terms))).toBeLessThan(1e-13);
      expect(await masked.report()).toMatchObject({ iterations: K, status: 'max-iterations' });
    },
  );

  it('from a start adds the terms of its residual', () => {
    const [b, start] = [Float64Array.of(1, 2), Float64Array.of(-1, 5)];
    let x: Float64Array = start;
    for (let k = 0; k < 3; k++) x = float64.axpy(1, b, nonNormal.apply(x));
    const solver = fixedPoint({ maxIterations: 3, tolerance: 0 });
    const { value } = solver.solveSync(identityMinus(nonNormal), b, { start });
    expect(norm(float64.subtract(value, x))).toBeLessThan(1e-13);
  });

  it('returns the iterate of least residual where it diverges', async () => {
    const b = Float64Array.of(1, 2);
    const A = identityMinus(diagonal(30, 40));
    const solution = fixedPoint({ tolerance: 0 }).solveSync(A, b);
    expect(solution).toMatchObject({ status: 'diverged', residualNorm: norm(b) });
    expect([...solution.value]).toEqual([0, 0]);
    const masked = iterateMasked(
      { space: float64, A, b },
      richardson(() => 1 as never, { sums: true }),
      { tolerance: 0, maxIterations: 100 },
      undefined,
    );
    expect([...masked.value]).toEqual([0, 0]);
    expect((await masked.report()).status).toBe('diverged');
  });

  const n = 200;
  const draw = random(1);
  const rows = Array.from({ length: n }, () => float64.scale(0.4 / Math.sqrt(n), draw.normals(n)));
  const M: LinearOperator<Float64Array> = {
    apply: (v) => Float64Array.from(rows, (row) => float64.dot(row, v)),
    transpose: (v) =>
      rows.reduce((sum, row, i) => float64.axpy(v[i]!, row, sum), new Float64Array(n)),
    dispose() {},
  };
  const b = draw.normals(n);

  it('solves x = M x + b', () => {
    const { value, status } = fixedPoint({ tolerance: 1e-12 }).solveSync(identityMinus(M), b);
    expect(status).toBe('converged');
    const image = float64.axpy(1, M.apply(value), b);
    expect(norm(float64.subtract(value, image))).toBeLessThan(2e-12 * norm(b));
  });

  it.each([1, 3, 10])('in %i steps from zero is as many terms of the Neumann series', (steps) => {
    const A = identityMinus(M);
    const steady = fixedPoint({ tolerance: 0, maxIterations: steps }).solveSync(A, b).value;
    const terms = neumann({ terms: steps, scale: 1 }).solveSync(A, b).value;
    expect(steady).toEqual(terms);
    let x = float64.zeros(b);
    for (let k = 0; k < steps; k++) x = float64.axpy(1, M.apply(x), b);
    expect(norm(float64.subtract(steady, x))).toBeLessThan(1e-14 * norm(x));
  });

  it('takes few steps from an earlier solution', () => {
    const A = identityMinus(M);
    const first = fixedPoint().solveSync(A, b);
    const nearby = float64.axpy(1e-5, draw.normals(n), b);
    const again = fixedPoint().solveSync(A, nearby, { start: first.value });
    expect(again.status).toBe('converged');
    expect(again.iterations).toBeLessThan(first.iterations / 2);
  });

  it('outlives an overshoot: a residual that grows before it falls', () => {
    const overshooting: LinearOperator<Float64Array> = {
      apply: (v) => Float64Array.of(0.5 * v[0]! + 20 * v[1]!, 0.5 * v[1]!),
      dispose() {},
    };
    const A = identityMinus(overshooting);
    const right = Float64Array.of(0, 1);
    expect(neumann({ terms: 3, scale: 1 }).solveSync(A, right).status).toBe('diverged');
    const { value, status } = fixedPoint({ tolerance: 1e-10 }).solveSync(A, right);
    expect(status).toBe('converged');
    expect(value[0]).toBeCloseTo(80, 6);
    expect(value[1]).toBeCloseTo(2, 6);
  });

  it('says that a map that does not contract diverges', () => {
    const { status } = fixedPoint().solveSync(diagonal(1 - 1.5, 1 - 0.5), Float64Array.of(1, 1));
    expect(status).toBe('diverged');
  });

  it('transposes I − M and leaks no tensor', async () => {
    await tf.setBackend('cpu');
    const weights = tf.tensor2d([
      [0.1, 0.4],
      [0, 0.2],
    ]);
    const product = (v: tf.Tensor, transpose: boolean) =>
      tf.tidy(() => tf.reshape(tf.matMul(weights, tf.reshape(v, [2, 1]), transpose), [2]));
    const operator = identityMinus({
      apply: ({ x }: { x: tf.Tensor }) => ({ x: product(x!, false) }),
      transpose: ({ x }: { x: tf.Tensor }) => ({ x: product(x!, true) }),
      dispose: () => weights.dispose(),
    } as LinearOperator<Record<string, tf.Tensor>>);
    const right = { x: tf.tensor1d([1, 1]) };
    const before = tf.memory().numTensors;
    const image = operator.transpose!(right);
    expect([...image.x!.dataSync()].map((v) => Math.round(v * 1e4) / 1e4)).toEqual([0.9, 0.4]);
    image.x!.dispose();
    expect(tf.memory().numTensors).toBe(before);
    operator.dispose();
    expect(tf.memory().numTensors).toBe(before - 1);
  });
});

beforeAll(async () => {
  await tf.setBackend('cpu');
});
