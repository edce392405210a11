import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { useBackend } from '../backends';
import { InputError, NotFiniteError } from '../errors';
import { random } from '../numbers';
import { cg, dense } from '../solvers';
import { ImplicitSGD, implicitAdam, implicitSGD } from '.';

beforeAll(async () => {
  await useBackend('wasm', { threads: 1 });
});
afterEach(() => tf.disposeVariables());

const numbers = (x: tf.Tensor) => [...x.dataSync()];

/** F = ½ (3a² + 2ab + 2b²) at (3, 4): g = (13, 11), H = [[3, 1], [1, 2]]. */
function coupled() {
  const a = tf.variable(tf.scalar(3), true, 'a');
  const b = tf.variable(tf.scalar(4), true, 'b');
  const loss = () =>
    tf.tidy(
      () => tf.add(tf.mul(1.5, tf.square(a)), tf.add(tf.mul(a, b), tf.square(b))) as tf.Scalar,
    );
  return { loss, at: () => [...numbers(a), ...numbers(b)] };
}

/** The end of the implicit step of rate δ from (3, 4) for another gradient, by Cramer's rule. */
function stepped(delta: number, [g, h]: readonly [number, number]) {
  const [p, q, r] = [1 + 3 * delta, delta, 1 + 2 * delta];
  const det = p * r - q * q;
  return [3 - (delta * (r * g - q * h)) / det, 4 - (delta * (p * h - q * g)) / det];
}

const close = (got: number[], expected: number[], digits = 5) =>
  got.forEach((value, i) => {
    expect(value).toBeCloseTo(expected[i]!, digits);
  });
const norm = Math.hypot(13, 11);

describe('the implicit step of a clipped gradient', () => {
  it.each([
    ['by norm', { clipNorm: 5 }, [(13 * 5) / norm, (11 * 5) / norm]],
    ['by value', { clipValue: 12 }, [12, 11]],
    ['by value, then by norm', { clipValue: 1, clipNorm: 1 }, [Math.SQRT1_2, Math.SQRT1_2]],
    ['by bounds that it keeps', { clipValue: 13.5, clipNorm: 18 }, [13, 11]],
  ] as const)('%s', (_, options, clipped) => {
    const { loss, at } = coupled();
    implicitSGD(2, { ...options, solver: dense() }).minimize(loss);
    close(at(), stepped(2, clipped as [number, number]));
  });

  it('takes the norm over all that moves, the explicit ones too', () => {
    const { loss, at } = coupled();
    implicitSGD(0.5, { clipNorm: 5, parameters: ['b'] }).minimize(loss);
    const factor = 5 / norm;
    close(at(), [3 - 0.5 * 13 * factor, 4 - (0.5 * 11 * factor) / 2]);
    tf.disposeVariables();
    const frozen = coupled();
    implicitSGD(0.5, { clipNorm: 5, parameters: ['b'], others: 'frozen' }).minimize(frozen.loss);
    close(frozen.at(), [3, 4 - (0.5 * 5) / 2]);
  });

  it('is no longer than δ times the bound where the loss is convex', () => {
    for (const seed of [1, 2, 3]) {
      const x = tf.variable(tf.tensor1d([...random(seed).normals(4)].map((v) => 30 * v)));
      const before = numbers(x);
      const loss = () => tf.tidy(() => tf.sum(tf.pow(x, 4)) as tf.Scalar);
      implicitSGD(0.3, { clipNorm: 2 }).minimize(loss, false, [x]);
      const length = Math.hypot(...numbers(x).map((value, i) => value - before[i]!));
      expect(length).toBeGreaterThan(0);
      expect(length).toBeLessThanOrEqual(0.6 * (1 + 1e-5));
    }
  });

  it('is the same in the row space of a batch', () => {
    const x = tf.tensor2d([...random(3).normals(160)], [4, 40]);
    const y = tf.tensor2d([...random(4).normals(12)], [4, 3]);
    const ends = [
      { clipNorm: 0.1, solver: cg({ tolerance: 1e-6 }) },
      { clipNorm: 0.1, solver: dense() },
      { clipValue: 0.01, solver: cg({ tolerance: 1e-6 }) },
      { clipValue: 0.01, solver: dense() },
    ].map((options) => {
      const W = tf.variable(tf.zeros([40, 3]));
      const loss = () => tf.tidy(() => tf.mean(tf.square(tf.sub(tf.matMul(x, W), y))) as tf.Scalar);
      implicitSGD(10, options).minimize(loss, false, [W]);
      return numbers(W);
    });
    close(ends[0]!, ends[1]!);
    close(ends[2]!, ends[3]!);
    expect(Math.max(...ends[0]!.map(Math.abs))).toBeGreaterThan(1e-3);
  });

  it('is what the moments of Adam average', async () => {
    const x = tf.variable(tf.tensor1d([1, 1]), true, 'x');
    const slope = tf.tensor1d([30, -40]);
    const optimizer = implicitAdam(0.1, { clipNorm: 5 });
    optimizer.minimize(() => tf.tidy(() => tf.sum(tf.mul(slope, x)) as tf.Scalar));
    const [, m, v] = await optimizer.getWeights();
    close(numbers(m!.tensor), [0.3, -0.4]);
    close(numbers(v!.tensor), [9e-3, 16e-3]);
  });

  it('is the shortened step for the curvature g gᵀ of the loss itself', () => {
    const { loss, at } = coupled();
    implicitSGD(3, { curvature: 'fisher-rank-one', clipNorm: 5 }).minimize(loss);
    const shrink = (3 * 5) / norm / (1 + 3 * norm ** 2);
    close(at(), [3 - 13 * shrink, 4 - 11 * shrink]);
  });
});

describe('gradients beyond float32 squares', () => {
  const steep = (x: tf.Variable) => () => tf.tidy(() => tf.mul(1e25, tf.sum(x)) as tf.Scalar);

  it.each([
    ['by norm', { clipNorm: 3 }, -3 / Math.SQRT2],
    ['by value', { clipValue: 3 }, -3],
  ])('are clipped %s', (_, options, end) => {
    const x = tf.variable(tf.zeros([2]));
    implicitSGD(1, options).minimize(steep(x), false, [x]);
    close(numbers(x), [end, end]);
    const tiny = tf.variable(tf.zeros([2]));
    const slope = () => tf.tidy(() => tf.mul(1e-30, tf.sum(tiny)) as tf.Scalar);
    implicitSGD(1e30, options).minimize(slope, false, [tiny]);
    close(numbers(tiny), [-1, -1]);
  });

  it.each([
    ['NaN', (x: tf.Variable) => tf.sum(tf.log(tf.mul(-1, tf.square(x))))],
    ['infinite', (x: tf.Variable) => tf.sum(tf.sqrt(tf.sub(x, [1, 0])))],
  ])('but what is %s is refused as ever', (_, f) => {
    for (const make of [implicitSGD, implicitAdam]) {
      for (const options of [{ clipNorm: 1 }, { clipValue: 1 }]) {
        const x = tf.variable(tf.tensor1d([1, 2]));
        const loss = () => tf.tidy(() => tf.add(f(x), tf.sum(x)) as tf.Scalar);
        expect(() => make(1, options).minimize(loss, false, [x])).toThrow(NotFiniteError);
        expect(numbers(x)).toEqual([1, 2]);
      }
    }
  });
});

it.each([
  { clipNorm: 0 },
  { clipValue: -1 },
  { clipNorm: Number.NaN },
  { clipNorm: '1' as unknown as number },
  { clipNorm: 1, exact: true },
  { clipNorms: 1 },
])('refuses %j', (options) => {
  expect(() => implicitSGD(1, options)).toThrow(InputError);
});

it('is saved', () => {
  const config = implicitSGD(1, { clipNorm: 2, clipValue: 0.5 }).getConfig();
  const copy = ImplicitSGD.fromConfig<ImplicitSGD>(ImplicitSGD, config);
  expect(copy.options).toEqual({ clipNorm: 2, clipValue: 0.5 });
});

it('leaves nothing behind', () => {
  const { loss } = coupled();
  const optimizer = implicitSGD(0.1, { clipNorm: 1, clipValue: 3 });
  optimizer.minimize(loss);
  const { numTensors } = tf.memory();
  for (let t = 0; t < 5; t++) optimizer.minimize(loss);
  expect(tf.memory().numTensors).toBe(numTensors);
});
