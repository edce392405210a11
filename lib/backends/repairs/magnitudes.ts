import * as tf from '@tensorflow/tfjs';
import { unrecorded } from '../unrecorded';
import { differentiate, sumTo } from './gradient';

/**
 * Derivatives in whose formulas float32 cannot hold a square, though it holds the derivative.
 *
 * 1/x was differentiated as −1/x², whose own derivative divides by x⁴, infinite at 1e-10; asinh and
 * acosh as 1/√(x² ± 1), 0 from 2e19 on; atan2 by a² + b², so that it was 0 at 1e20 and NaN at 1e-30.
 */
export function repairMagnitudes(): void {
  differentiate('Reciprocal', {
    output: true,
    gradient: (dy, [y]) => ({ x: () => tf.neg(tf.mul(tf.mul(dy, y!), y!)) }),
  });
  differentiate('Rsqrt', {
    inputs: ['x'],
    output: true,
    gradient: (dy, [x, y]) => ({
      x: () => tf.mul(-0.5, tf.mul(dy, tf.div(y!, tf.cast(x!, 'float32')))),
    }),
  });
  differentiate('Acosh', {
    inputs: ['x'],
    gradient: (dy, [x]) => ({
      x: () => {
        const a = tf.cast(x!, 'float32');
        return tf.div(tf.div(dy, tf.sqrt(tf.sub(a, 1))), tf.sqrt(tf.add(a, 1)));
      },
    }),
  });
  differentiate('Asinh', {
    inputs: ['x'],
    gradient: (dy, [x]) => ({
      x: () => {
        const a = tf.cast(x!, 'float32');
        const m = unrecorded(() => tf.clipByValue(tf.abs(a), 1, LARGEST));
        return tf.div(dy, tf.mul(m, tf.sqrt(squares(tf.div(1, m), tf.div(a, m)))));
      },
    }),
  });
  differentiate('Atan2', {
    inputs: ['a', 'b'],
    gradient: (dy, [a, b]) => {
      const toSide = (of: tf.Tensor, other: tf.Tensor) => {
        const [x, y] = [tf.cast(of, 'float32'), tf.cast(other, 'float32')];
        const m = largest(x, y);
        const [u, v] = [tf.div(x, m), tf.div(y, m)];
        return sumTo(tf.mul(dy, tf.div(tf.div(v, squares(u, v)), m)), of.shape);
      };
      return { a: () => toSide(a!, b!), b: () => tf.neg(toSide(b!, a!)) };
    },
  });
}

/**
 * The larger magnitude, held constant: what is divided by it and multiplied again does not depend on it.
 * Finite, so that what is divided by ∞ in the end is 0.
 */
const largest = (a: tf.Tensor, b: tf.Tensor) =>
  unrecorded(() => tf.minimum(tf.maximum(tf.abs(a), tf.abs(b)), LARGEST));

/** The largest number of float32. */
const LARGEST = (2 - 2 ** -23) * 2 ** 127;

const squares = (a: tf.Tensor, b: tf.Tensor) => tf.add(tf.square(a), tf.square(b));
