import * as tf from '@tensorflow/tfjs';
import type { NamedTensors } from '../spaces';

export { kernelNames as kernels } from './kernel-names';

/** A small seeded model for tests: its parameters, its network, and the loss of its output. */
export interface TestModel {
  x: NamedTensors;
  predict(x: NamedTensors): tf.Tensor;
  loss(z: tf.Tensor): tf.Scalar;
}

/** Standard normal numbers, the same for the same seed. */
export const normal = (shape: number[], seed: number, deviation = 1) =>
  tf.randomNormal(shape, 0, deviation, 'float32', seed);

/** A random direction in the space of `x`. */
export const direction = (x: NamedTensors, seed: number): NamedTensors =>
  Object.fromEntries(
    Object.entries(x).map(([name, value], i) => [name, normal(value.shape, seed + i)]),
  );

/** One tensor or several. */
export type Tensors = tf.Tensor | readonly tf.Tensor[] | NamedTensors;

/** Numbers of all tensors, one after the other. */
export const numbers = (x: Tensors): number[] =>
  x instanceof tf.Tensor ? [...x.dataSync()] : Object.values(x).flatMap((t) => [...t.dataSync()]);

export const dot = (a: number[], b: number[]) =>
  a.reduce((sum, value, i) => sum + value * b[i]!, 0);

/** ‖a − b‖ / ‖b‖. */
export const relativeError = (a: Tensors, b: Tensors) => {
  const [p, q] = [numbers(a), numbers(b)];
  const difference = p.map((value, i) => value - q[i]!);
  return Math.sqrt(dot(difference, difference) / dot(q, q));
};

/** x + s v. */
export const shifted = (x: NamedTensors, v: NamedTensors, s: number): NamedTensors =>
  Object.fromEntries(Object.keys(x).map((name) => [name, tf.add(x[name]!, tf.mul(v[name]!, s))]));

/**
 * The smallest relative error of a product against central differences of f along v.
 *
 * Float32 leaves no step that is right for all, so the step is swept.
 */
export function differenceError(
  product: Tensors,
  f: (x: NamedTensors) => Tensors,
  x: NamedTensors,
  v: NamedTensors,
): number {
  const errors = [1e-1, 3e-2, 1e-2, 3e-3, 1e-3].map((step) => {
    const [ahead, behind] = [numbers(f(shifted(x, v, step))), numbers(f(shifted(x, v, -step)))];
    const slope = ahead.map((value, i) => (value - behind[i]!) / (2 * step));
    return relativeError(product, tf.tensor1d(slope));
  });
  return Math.min(...errors);
}

/** −Σ y log softmax(z) / n; shifted by a constant, so that no exponential overflows. */
export const crossEntropy = (y: tf.Tensor) => (z: tf.Tensor) => {
  const shiftedDown = tf.sub(z, 3);
  const logNormalizer = tf.log(tf.sum(tf.exp(shiftedDown), -1, true));
  const logProbability = tf.sub(shiftedDown, logNormalizer);
  return tf.neg(tf.mean(tf.sum(tf.mul(y, logProbability), -1))) as tf.Scalar;
};

export const meanSquare = (y: tf.Tensor) => (z: tf.Tensor) =>
  tf.mean(tf.square(tf.sub(z, y))) as tf.Scalar;

/** One-hot rows that go through the classes in turn. */
export const oneHot = (count: number, classes: number) =>
  tf.cast(
    tf.oneHot(tf.range(0, count, 1, 'int32').mod(tf.scalar(classes, 'int32')), classes),
    'float32',
  );

type Activation = (x: tf.Tensor) => tf.Tensor;

/** Two dense layers, 5-4-3, on 7 examples. */
export function mlp(activation: Activation, seed: number): TestModel {
  const X = normal([7, 5], seed);
  return {
    x: {
      W1: normal([5, 4], seed + 1, 0.5),
      b1: normal([4], seed + 2, 0.5),
      W2: normal([4, 3], seed + 3, 0.5),
      b2: normal([3], seed + 4, 0.5),
    },
    predict({ W1, b1, W2, b2 }) {
      const a = activation(tf.add(tf.matMul(X, W1!), b1!));
      return tf.add(tf.matMul(a, W2!), b2!);
    },
    loss: crossEntropy(oneHot(7, 3)),
  };
}

/** A convolution, a pool and a dense layer on 3 images of 8 × 8. */
export function cnn(pool: 'max' | 'avg', seed: number): TestModel {
  const X = normal([3, 8, 8, 2], seed) as tf.Tensor4D;
  return {
    x: {
      K: normal([3, 3, 2, 4], seed + 1, 0.3),
      b: normal([4], seed + 2, 0.3),
      W: normal([36, 3], seed + 3, 0.3),
    },
    predict({ K, b, W }) {
      const z = tf.add(tf.conv2d(X, K as tf.Tensor4D, 1, 'valid'), b!);
      const a = tf.tanh(z) as tf.Tensor4D;
      const p = pool === 'max' ? tf.maxPool(a, 2, 2, 'valid') : tf.avgPool(a, 2, 2, 'valid');
      return tf.matMul(tf.reshape(p, [3, 36]), W!);
    },
    loss: crossEntropy(oneHot(3, 3)),
  };
}

/** A recurrent layer of 6 tanh units over `steps` inputs of width 4, on 5 examples. */
export function rnn(steps: number, seed: number): TestModel {
  const X = normal([5, steps, 4], seed);
  return {
    x: {
      W: normal([6, 6], seed + 1, 0.3),
      U: normal([4, 6], seed + 2, 0.3),
      b: normal([6], seed + 3, 0.3),
      V: normal([6, 3], seed + 4, 0.5),
    },
    predict({ W, U, b, V }) {
      let h: tf.Tensor = tf.zeros([5, 6]);
      for (const input of tf.unstack(X, 1)) {
        h = tf.tanh(tf.add(tf.add(tf.matMul(h, W!), tf.matMul(input, U!)), b!));
      }
      return tf.matMul(h, V!);
    },
    loss: crossEntropy(oneHot(5, 3)),
  };
}

/** A linear model with a square loss, where Gauss–Newton is the Hessian. */
export function linearModel(seed: number): TestModel {
  const X = normal([8, 4], seed);
  return {
    x: { W: normal([4, 2], seed + 1), b: normal([2], seed + 2) },
    predict: ({ W, b }) => tf.add(tf.matMul(X, W!), b!),
    loss: meanSquare(normal([8, 2], seed + 3)),
  };
}
