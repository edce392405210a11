import * as tf from '@tensorflow/tfjs';
import { engine } from '../engine';
import type { Case, Input, Random } from './case';

/** What one call gives: its value, a gradient through it, and a Hessian product, all flat. */
export interface Evaluation {
  value: number[];
  gradient: number[];
  product: number[];
}

/** A small generator of uniform numbers that is the same everywhere (mulberry32). */
function seeded(seed: number): Random {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const randomOf = ({ op, variant }: Case) =>
  seeded([...`${op} ${variant}`].reduce((h, c) => (Math.imul(h, 31) + c.charCodeAt(0)) | 0, 7));

/** The inputs of a case, and a direction for each. */
export function inputsOf(c: Case): { inputs: Input[]; directions: Input[] } {
  const random = randomOf(c);
  const inputs = c.inputs.map((draw) => draw(random));
  const directions = inputs.map(({ shape, values }) => ({
    shape,
    values: values.map(() => 2 * random() - 1),
  }));
  return { inputs, directions };
}

const toTensor = ({ shape, values }: Input) => tf.tensor(values, shape, 'float32');

/** The function of the op's results: φ = Σ wᵢ yᵢ + ½ Σ yᵢ², so that linear ops have a Hessian too. */
const weight = (i: number) => Math.sin(1.7 * i + 0.6);

function phi(y: tf.Tensor): tf.Tensor {
  const floats = tf.cast(y, 'float32');
  const weights = tf.tensor(
    Array.from({ length: y.size }, (_, i) => weight(i)),
    y.shape,
    'float32',
  );
  return tf.add(tf.sum(tf.mul(weights, floats)), tf.mul(0.5, tf.sum(tf.square(floats))));
}

/** The derivatives of a scalar function, zero where it does not depend on an input. */
function gradients(f: () => tf.Tensor, xs: tf.Tensor[]): tf.Tensor[] {
  const { grads } = engine().gradients(f, xs, undefined, true);
  return grads.map((g, i) => g ?? tf.zerosLike(xs[i]!));
}

const read = async (tensors: tf.Tensor[]) => {
  const parts = await Promise.all(tensors.map((t) => t.data()));
  tf.dispose(tensors);
  return parts.flatMap((part) => Array.from(part as Float32Array));
};

/** Hands `compute` the inputs as tensors, and frees them. */
async function withTensors<T>(inputs: Input[], compute: (xs: tf.Tensor[]) => Promise<T>) {
  const xs = inputs.map(toTensor);
  try {
    return await compute(xs);
  } finally {
    tf.dispose(xs);
  }
}

const gradientOf = (c: Case, xs: tf.Tensor[]) => gradients(() => phi(c.f(...xs)), xs);

const firstOrder = (c: Case, at: Input[], around = asItIs) =>
  withTensors(at, async (xs) => ({
    value: await read([around(() => tf.tidy(() => tf.cast(c.f(...xs), 'float32')))]),
    gradient: await read(around(() => tf.tidy(() => gradientOf(c, xs)))),
  }));

/** Runs a computation of tensors, perhaps in a way of its own. */
export type Around = <T>(f: () => T) => T;

const asItIs: Around = (f) => f();

/**
 * Value, gradient and Hessian product of a case on the current backend.
 *
 * @param around runs the computation of each; default as it is
 */
export async function evaluate(c: Case, around = asItIs): Promise<Evaluation> {
  const { inputs, directions } = inputsOf(c);
  const product = (xs: tf.Tensor[]) => {
    const slope = () =>
      tf.addN(
        gradientOf(c, xs).map((g, i) => {
          const { shape, values } = directions[i]!;
          return tf.sum(tf.mul(g, tf.tensor(values, shape, 'float32')));
        }),
      );
    return read(around(() => tf.tidy(() => gradients(slope, xs))));
  };
  return { ...(await firstOrder(c, inputs, around)), product: await withTensors(inputs, product) };
}

const shifted = (inputs: Input[], directions: Input[], t: number): Input[] =>
  inputs.map(({ shape, values }, k) => ({
    shape,
    values: values.map((x, i) => x + t * directions[k]!.values[i]!),
  }));

/** A derivative along the directions from four values, with an error of the step's fourth power. */
const stencil = (f: (t: number) => number, h: number) =>
  (8 * (f(h) - f(-h)) - (f(2 * h) - f(-2 * h))) / (12 * h);

/** Steps to try: too long a step errs by curvature, too short a one by rounding. */
const steps = [0.04, 0.02, 0.01, 0.005];

/**
 * Difference quotients along the case's directions, for each of several steps: of φ, which the
 * gradient must match, and of the gradient, which the Hessian product must match.
 *
 * Needs a backend that can be read at once. φ is summed in float64.
 */
export async function quotients(c: Case): Promise<{ slope: number; product: number[] }[]> {
  const { inputs, directions } = inputsOf(c);
  const result = [];
  for (const h of steps) {
    const at = new Map<number, { phi: number; gradient: number[] }>();
    for (const t of [h, -h, 2 * h, -2 * h]) {
      const { value, gradient } = await firstOrder(c, shifted(inputs, directions, t));
      at.set(t, {
        phi: value.reduce((sum, y, i) => sum + weight(i) * y + 0.5 * y * y, 0),
        gradient,
      });
    }
    const slope = stencil((t) => at.get(t)!.phi, h);
    const product = at.get(h)!.gradient.map((_, i) => stencil((t) => at.get(t)!.gradient[i]!, h));
    result.push({ slope, product });
  }
  return result;
}
