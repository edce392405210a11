import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { leaveOutOfQuickRun } from '../../../test/needs';
import { hessian } from '../../autodiff';
import { InputError, NotFiniteError } from '../../errors';
import { eigenSymmetric, random, tridiagonalEigen } from '../../numbers';
import { type LinearOperator, type NamedTensors, tensors } from '../../spaces';
import { eigenvalues, spectralDensity, trace } from '.';

leaveOutOfQuickRun();

beforeAll(async () => {
  await tf.setBackend('cpu');
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** A full matrix with these eigenvalues: a diagonal seen in a mirror. */
function withSpectrum(spectrum: ArrayLike<number>, seed = 1): LinearOperator<Float64Array> {
  const d = Float64Array.from(spectrum);
  const normal = random(seed).normals(d.length);
  const length = Math.hypot(...normal);
  const mirrored = (v: Float64Array) => {
    const share = v.reduce((sum, x, i) => sum + (x * normal[i]!) / length, 0);
    return v.map((x, i) => x - (2 * share * normal[i]!) / length);
  };
  return { apply: (v) => mirrored(mirrored(v).map((x, i) => x * d[i]!)), dispose() {} };
}
const range = (n: number, f: (i: number) => number) => Array.from({ length: n }, (_, i) => f(i));
const extremes = (spectrum: number[], which: 'largest' | 'smallest', k: number) =>
  [...spectrum].sort((a, b) => (which === 'largest' ? b - a : a - b)).slice(0, k);

const spectra: Record<string, number[]> = {
  'evenly spaced': range(120, (i) => i + 1),
  'with multiple eigenvalues': [5, 5, 5, 3, 3, ...range(60, () => 1), ...range(40, (i) => i / 50)],
  'a multiple of the identity': range(20, () => 7),
  zero: range(9, () => 0),
  'a single number': [3],
  'indefinite, of size 2': [3, -3],
  'negative definite': range(50, (i) => -1 - i),
  'with a few outliers': [1000, 500, 499, 120, ...range(200, (i) => (i / 200) ** 2)],
};

describe.each(Object.entries(spectra))('of a matrix %s', (_, spectrum) => {
  const like = new Float64Array(spectrum.length);
  const k = Math.min(4, spectrum.length);
  const size = Math.max(...spectrum.map(Math.abs));

  it.each(['largest', 'smallest'] as const)(
    'the %s eigenvalues, as often as they occur',
    async (which) => {
      for (const scale of [1, 1e-200, 1e200]) {
        const A = withSpectrum(spectrum.map((value) => scale * value));
        const { values, residuals, status } = await eigenvalues(A, {
          [which]: k,
          like,
          maxProducts: 500,
        });
        expect(status).toBe('converged');
        expect(values.length).toBe(k);
        extremes(spectrum, which, k).forEach((truth, i) => {
          expect(Math.abs(values[i]! / scale - truth)).toBeLessThanOrEqual(1e-12 * size);
          expect(residuals[i]! / scale).toBeLessThanOrEqual(2e-8 * size);
        });
      }
    },
  );

  it('the trace, within four standard errors, and exactly with enough probes', async () => {
    const A = withSpectrum(spectrum);
    const truth = spectrum.reduce((sum, value) => sum + value, 0);
    const { value, standardError } = await trace(A, { like, probes: 10, seed: 3 });
    expect(Math.abs(value - truth)).toBeLessThanOrEqual(4 * standardError + 1e-12 * size);
    const exact = await trace(A, { like, probes: 1000 });
    expect(exact).toMatchObject({ standardError: 0, products: spectrum.length });
    expect(Math.abs(exact.value - truth)).toBeLessThanOrEqual(1e-10 * size);
  });

  it('the density: its mass, mean and spread', async () => {
    const A = withSpectrum(spectrum);
    const { x, density, nodes, weights, width } = await spectralDensity(A, { like, probes: 40 });
    let [mass, mean] = [0, 0];
    for (let i = 1; i < x.length; i++) {
      const part = ((x[i]! - x[i - 1]!) * (density[i]! + density[i - 1]!)) / 2;
      mass += part;
      mean += (part * (x[i]! + x[i - 1]!)) / 2;
    }
    expect(mass).toBeCloseTo(1, 3);
    expect(weights.reduce((sum, w) => sum + w, 0)).toBeCloseTo(1, 10);
    const truth = spectrum.reduce((sum, value) => sum + value, 0) / spectrum.length;
    const spread = Math.sqrt(spectrum.reduce((s, v) => s + (v - truth) ** 2, 0) / spectrum.length);
    // The mean over 40 probes has a standard error of at most √(2/(40 n)) times the spread.
    const error = 5 * spread * Math.sqrt(2 / (40 * spectrum.length)) + 1e-3 * size + 1e-15;
    expect(Math.abs(mean - truth)).toBeLessThanOrEqual(error);
    expect(nodes[0]).toBeGreaterThanOrEqual(Math.min(...spectrum) - 1e-10 * size);
    expect(nodes.at(-1)).toBeLessThanOrEqual(Math.max(...spectrum) + 1e-10 * size);
    expect(width).toBeGreaterThan(0);
  });
});

it('the trace has the variance that theory gives it', async () => {
  const A = withSpectrum(
    range(30, (i) => i),
    4,
  );
  const unit = (i: number) => Float64Array.from({ length: 30 }, (_, j) => (i === j ? 1 : 0));
  const rows = range(30, (i) => i).map((i) => A.apply(unit(i)));
  const offDiagonal = rows.reduce(
    (sum, row, i) => sum + row.reduce((s, a, j) => s + (i === j ? 0 : a * a), 0),
    0,
  );
  const errors = await Promise.all(
    range(200, (seed) => seed).map((seed) =>
      trace(A, { like: rows[0]!, probes: 10, seed }).then(({ value }) => value - 435),
    ),
  );
  const variance = errors.reduce((sum, e) => sum + e * e, 0) / errors.length;
  expect(variance / ((2 * offDiagonal) / 10)).toBeGreaterThan(0.7);
  expect(variance / ((2 * offDiagonal) / 10)).toBeLessThan(1.4);
  const { standardError } = await trace(A, { like: rows[0]!, probes: 1 });
  expect(standardError).toBe(Number.POSITIVE_INFINITY);
});

it('the quadrature is exact for polynomials: the moments of each probe', async () => {
  const spectrum = range(25, (i) => Math.sin(i));
  const A = withSpectrum(spectrum, 7);
  const like = new Float64Array(25);
  const { nodes, weights } = await spectralDensity(A, { like, probes: 1, steps: 4, seed: 5 });
  expect(nodes.length).toBe(4);
  const v = random(5).normals(25);
  const square = v.reduce((sum, x) => sum + x * x, 0);
  let power = v;
  for (let degree = 0; degree <= 7; degree++) {
    const moment = power.reduce((sum, x, i) => sum + (x * v[i]!) / square, 0);
    const found = nodes.reduce((sum, s, i) => sum + weights[i]! * s ** degree, 0);
    expect(found).toBeCloseTo(moment, 12);
    power = A.apply(power);
  }
});

it('the tridiagonal eigenvalues agree with Jacobi’s, and their vectors are orthonormal', () => {
  for (const seed of [1, 2, 3]) {
    const size = 17;
    const [diagonal, off] = [random(seed).normals(size), random(seed + 50).normals(size - 1)];
    if (seed === 3) off[7] = 0;
    const entries = new Float64Array(size * size);
    diagonal.forEach((value, i) => {
      entries[i * size + i] = value;
    });
    off.forEach((value, i) => {
      entries[i * size + i + 1] = value;
      entries[(i + 1) * size + i] = value;
    });
    const identity = range(size, (i) => i).map((i) => {
      const row = new Float64Array(size);
      row[i] = 1;
      return row;
    });
    const truth = eigenSymmetric({ size, entries }).values.toReversed();
    const { values, rows } = tridiagonalEigen(diagonal, off, identity);
    values.forEach((value, i) => void expect(value).toBeCloseTo(truth[i]!, 12));
    rows.forEach((row, i) => {
      const sum = row.reduce((sum, share, k) => sum + share * share * values[k]!, 0);
      expect(sum).toBeCloseTo(diagonal[i]!, 12);
    });
  }
});

describe('of named tensors', () => {
  const x = tf.tensor2d(Float32Array.from(random(1).normals(40 * 3)), [40, 3]);
  const y = tf.tensor2d(Float32Array.from(random(2).normals(40)), [40, 1]);
  const point = () => ({
    W: tf.tensor2d(Float32Array.from(random(3).normals(12)), [3, 4]),
    v: tf.tensor2d(Float32Array.from(random(4).normals(4)), [4, 1]),
  });
  const loss = ({ W, v }: NamedTensors) =>
    tf.mean(
      tf.square(tf.sub(tf.matMul(tf.tanh(tf.matMul(x, W as tf.Tensor2D)), v as tf.Tensor2D), y)),
    ) as tf.Scalar;

  /** The Hessian as a matrix, column by column. */
  function matrixOf(H: LinearOperator<NamedTensors>) {
    const size = 16;
    const entries = new Float64Array(size * size);
    for (let j = 0; j < size; j++) {
      const unit = range(size, (i) => (i === j ? 1 : 0));
      const column = H.apply({
        W: tf.tensor2d(unit.slice(0, 12), [3, 4]),
        v: tf.tensor2d(unit.slice(12), [4, 1]),
      });
      [...column.W!.dataSync(), ...column.v!.dataSync()].forEach((value, i) => {
        entries[i * size + j] = value;
      });
    }
    return { size, entries };
  }

  it('a network’s Hessian: eigenvalues, trace and density, without a synchronous read or a leak', async () => {
    const H = hessian(loss, point());
    const matrix = matrixOf(H);
    const truth = eigenSymmetric(matrix).values.toReversed();
    H.apply(H.gradient);
    vi.spyOn(tensors, 'readSync').mockImplementation(() => {
      throw new Error('a synchronous read');
    });
    vi.spyOn(tensors, 'readableNow').mockReturnValue(false);
    const before = tf.memory().numTensors;
    const top = await eigenvalues(H, { largest: 3 });
    const bottom = await eigenvalues(H, { smallest: 2 });
    const sum = await trace(H, { probes: 16 });
    const { nodes } = await spectralDensity(H, { probes: 2 });
    expect(tf.memory().numTensors).toBe(before);
    const close = (a: number, b: number) => expect(Math.abs(a - b)).toBeLessThan(1e-4 * truth[0]!);
    top.values.forEach((value, i) => void close(value, truth[i]!));
    bottom.values.forEach((value, i) => void close(value, truth[15 - i]!));
    close(
      sum.value,
      truth.reduce((total, value) => total + value, 0),
    );
    close(nodes.at(-1)!, truth[0]!);
    close(nodes[0]!, truth[15]!);
    H.dispose();
  });

  it('of an operator that returns its argument, which stays the library’s', async () => {
    const like = { w: tf.zeros([5]) };
    const I = { apply: (v: NamedTensors) => v, dispose() {} };
    const before = tf.memory().numTensors;
    const { values } = await eigenvalues(I, { like, largest: 2 });
    for (const value of values) expect(value).toBeCloseTo(1, 5);
    expect((await trace(I, { like })).value).toBe(5);
    const { x } = await spectralDensity(I, { like, probes: 2 });
    expect(x.every(Number.isFinite)).toBe(true);
    expect(tf.memory().numTensors).toBe(before);
    tf.dispose(like);
  });

  it('at any scale that float32 bears', async () => {
    for (const scale of [1e-30, 1e-15, 1e15, 1e30]) {
      const d = tf.tensor1d(range(40, (i) => scale * (i < 2 ? 10 + i : i / 40)));
      const A: LinearOperator<NamedTensors> = {
        apply: ({ w }) => ({ w: tf.mul(w!, d) }),
        dispose() {},
      };
      const like = { w: tf.zeros([40]) };
      const { values, status } = await eigenvalues(A, { largest: 2, like });
      expect(status).toBe('converged');
      expect(values[0]! / scale).toBeCloseTo(11, 4);
      expect(values[1]! / scale).toBeCloseTo(10, 4);
      const { nodes } = await spectralDensity(A, { like, probes: 1 });
      expect(nodes.at(-1)! / scale).toBeCloseTo(11, 4);
      tf.dispose([d, like]);
    }
  });

  it('frees what it holds when a product throws or is not a number', async () => {
    const like = { w: tf.zeros([9]) };
    const before = tf.memory().numTensors;
    let count = 0;
    const failing = (after: number, how: () => NamedTensors): LinearOperator<NamedTensors> => ({
      apply: ({ w }) => (++count > after ? how() : { w: tf.mul(w!, tf.linspace(0, 1, 9)) }),
      dispose() {},
    });
    const broken = () => {
      throw new RangeError('broken');
    };
    const nan = () => ({ w: tf.fill([9], Number.NaN) });
    for (const tool of [
      (A: LinearOperator<NamedTensors>) => eigenvalues(A, { largest: 2, like }),
      (A: LinearOperator<NamedTensors>) => spectralDensity(A, { like }),
      (A: LinearOperator<NamedTensors>) => trace(A, { like, probes: 8 }),
    ]) {
      for (const after of [0, 3]) {
        count = 0;
        await expect(tool(failing(after, broken))).rejects.toThrow('broken');
        count = 0;
        await expect(tool(failing(after, nan))).rejects.toThrow(NotFiniteError);
      }
    }
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe('at the door', () => {
  const A = withSpectrum([1, 2, 3]);
  const like = new Float64Array(3);
  it.each<[string, () => Promise<unknown>, RegExp]>([
    ['neither largest nor smallest', () => eigenvalues(A, { like }), /one of the two/],
    ['both', () => eigenvalues(A, { like, largest: 1, smallest: 1 }), /one of the two/],
    ['no options', () => eigenvalues(A, undefined as never), /one of the two/],
    ['more than there are', () => eigenvalues(A, { like, largest: 4 }), /4 eigenvalues/],
    ['half an eigenvalue', () => eigenvalues(A, { like, largest: 0.5 }), /whole number/],
    ['a misspelt option', () => eigenvalues(A, { like, larges: 1 } as never), /'larges'/],
    ['no shape', () => eigenvalues(A, { largest: 1 }), /like: new Float64Array/],
    ['a function', () => trace(((v: Float64Array) => v) as never, { like }), /a function/],
    ['a misspelt option of trace', () => trace(A, { like, probe: 1 } as never), /'probe'/],
    ['no probes', () => trace(A, { like, probes: 0 }), /whole number/],
    ['a width of 0', () => spectralDensity(A, { like, width: 0 }), /positive/],
    [
      'fewer products than two for each eigenvalue',
      () => eigenvalues(A, { largest: 2, like, maxProducts: 3 }),
      /at least 4 products/,
    ],
    [
      'a misspelt option of the density',
      () => spectralDensity(A, { like, step: 1 } as never),
      /'step'/,
    ],
    [
      'a product of another length',
      () => trace({ apply: () => new Float64Array(2), dispose() {} }, { like }),
      /length 2/,
    ],
  ])('refuses %s', async (_, call, message) => {
    const error = await call().then(
      () => undefined,
      (error) => error,
    );
    expect(error).toBeInstanceOf(Error);
    expect(String(error)).toMatch(message);
    if (!/length 2/.test(String(message))) expect(error).toBeInstanceOf(InputError);
  });

  it('says when its products were used up', async () => {
    const spectrum = range(400, (i) => 1 + i / 1e4);
    const cut = await eigenvalues(withSpectrum(spectrum), {
      smallest: 3,
      like: new Float64Array(400),
      maxProducts: 12,
    });
    expect(cut.status).toBe('max-iterations');
    expect(cut.values.every(Number.isFinite)).toBe(true);
  });

  it.each([4, 5, 9, 30])('makes no more products than %i', async (maxProducts) => {
    const spectrum = range(100, (i) => (i < 3 ? 10 : 1 + i / 100));
    const A = withSpectrum(spectrum);
    let made = 0;
    const counted: LinearOperator<Float64Array> = {
      apply(v) {
        made += 1;
        return A.apply(v);
      },
      dispose() {},
    };
    const found = await eigenvalues(counted, {
      largest: 2,
      like: new Float64Array(100),
      maxProducts,
    });
    expect(made).toBeLessThanOrEqual(maxProducts);
    expect(found.products).toBe(made);
  });

  it('does not call the eigenvalues of a matrix that is not symmetric converged', async () => {
    const shear = { apply: ([a, b]: Float64Array) => Float64Array.of(a! + 50 * b!, 2 * b!) };
    const found = await eigenvalues({ ...shear, dispose() {} } as LinearOperator<Float64Array>, {
      largest: 1,
      like: new Float64Array(2),
    });
    expect(found.status).toBe('max-iterations');
  });
});
