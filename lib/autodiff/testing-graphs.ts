import * as tf from '@tensorflow/tfjs';
import { random } from '../numbers';
import type { NamedTensors } from '../spaces';
import { numbers } from './testing';

type Op = (a: tf.Tensor, b: tf.Tensor, draw: (below: number) => number) => tf.Tensor;

/** The numbers of x, over and over, in another shape. */
const fit = (x: tf.Tensor, ...shape: number[]) => {
  const size = tf.util.sizeFromShape(shape);
  const repeated = tf.tile(tf.reshape(x, [-1]), [Math.ceil(size / x.size)]);
  return tf.reshape(tf.slice(repeated, [0], [size]), shape);
};
const matrix = (x: tf.Tensor) => fit(x, 4, 4) as tf.Tensor2D;
const cube = (x: tf.Tensor) => fit(x, 2, 2, 3) as tf.Tensor3D;
const image = (x: tf.Tensor) => fit(x, 1, 5, 4, 2) as tf.Tensor4D;
const filter = (x: tf.Tensor, count: number) => fit(x, 2, 2, 2, count) as tf.Tensor4D;
const positive = (x: tf.Tensor) => tf.add(1.2, tf.square(x));

const unary = [tf.sin, tf.tanh, tf.sigmoid, tf.erf, tf.abs, tf.relu, tf.elu, tf.exp, tf.logSigmoid];
const binary = [tf.add, tf.mul, tf.sub, tf.maximum, tf.squaredDifference];
const ops: Op[] = [
  ...unary.map(
    (f): Op =>
      (a) =>
        f(a),
  ),
  ...binary.map(
    (f): Op =>
      (a, b) =>
        f(a, fit(b, 1, a.shape.at(-1) ?? 1)),
  ),
  ...[tf.sum, tf.mean, tf.max, tf.logSumExp].map(
    (f): Op =>
      (a, _, n) =>
        f(cube(a), n(3), true),
  ),
  (a, b) => tf.div(a, fit(positive(b), ...a.shape)),
  (a, b) => tf.pow(positive(a), fit(tf.tanh(b), ...a.shape)),
  (a, b) => tf.where(tf.greater(a, 0.1), tf.square(a), fit(b, ...a.shape)),
  (a, _, n) => (n(2) > 0 ? tf.softmax(matrix(a)) : tf.logSoftmax(cube(a))),
  (a, _, n) => tf.cumsum(cube(a), n(3), n(2) > 0, n(2) > 0),
  (a, _, n) => tf.transpose(cube(a), n(2) > 0 ? [2, 0, 1] : [1, 0, 2]),
  (a, _, n) => tf.gather(matrix(a), tf.tensor1d([3, 0, 3], 'int32'), n(2)),
  (a) => tf.stack(tf.unstack(matrix(a)).reverse(), 1),
  (a) => tf.stridedSlice(matrix(a), [0, 1], [4, 4], [2, 1]),
  (a, b, n) => tf.concat([cube(a), tf.reverse(cube(b), n(3))], n(3)),
  (a, b, n) => tf.matMul(matrix(a), matrix(b), n(2) > 0, n(2) > 0),
  (a, b) => tf.fused.matMul({ a: matrix(a), b: matrix(b), bias: fit(b, 4), activation: 'elu' }),
  (a, b) => tf.einsum('bij,bkj->bik', cube(a), cube(b)),
  (a, b, n) => tf.conv2d(image(a), filter(b, 3), 1 + n(2), 'same'),
  (a, b) => tf.depthwiseConv2d(image(a), filter(b, 1), 1, 'valid'),
  (a, _, n) => (n(2) > 0 ? tf.maxPool : tf.avgPool)(image(a), 2, 1 + n(2), 'same'),
  (a, b) => tf.batchNorm(matrix(a), fit(b, 4), fit(positive(a), 4), fit(tf.sin(b), 4)),
];

/**
 * A loss made of 5 to 15 operations, drawn by the seed, and the same whenever it is called. The first
 * call reads numbers.
 */
export function drawnLoss(seed: number): (x: NamedTensors) => tf.Scalar {
  const sizes: number[] = [];
  return (x) => {
    const { integer: draw } = random(seed);
    const made = Object.values(x);
    for (let k = 5 + draw(11); k > 0; k--) {
      const y = ops[draw(ops.length)]!(made.at(-1 - draw(2))!, made[draw(made.length)]!, draw);
      // Brought to one size by what the first call found.
      sizes[k] ??= 1 + Math.max(...numbers(y).map(Math.abs));
      made.push(tf.div(y, sizes[k]! / 2));
    }
    return tf.addN(made.map((y) => tf.sum(tf.sin(tf.add(y, 0.3))))) as tf.Scalar;
  };
}
