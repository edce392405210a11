import * as tf from '@tensorflow/tfjs';
import { engine } from '../engine';
import { isStockGradient } from '../stock-gradients';
import { differentiate } from './gradient';

/** Those of Klambauer et al., Self-normalizing neural networks, 2017. */
const { SELU_SCALE, SELU_SCALEALPHA } = tf.backend_util;

/**
 * The derivative of |x| is the sign of x, 0 at 0, where TensorFlow.js has −1: of an L1 penalty on weights
 * that start from 0 it moved all of them up. Two steps are loops in compiled programs; a sign is not.
 *
 * elu'(x) = 1 + min(elu(x), 0), whose own derivative the stock kernel EluGrad lacks.
 *
 * selu'(x) has the exponential of x where it is negative alone: beyond 88 that of x is infinite, and the
 * second derivative was 0 · ∞.
 *
 * `logSigmoid` is left to its parts: its custom gradient reads its input without having saved it,
 * and finds it disposed where it was computed in between.
 */
export function repairActivations(): void {
  differentiate('Abs', {
    inputs: ['x'],
    gradient: (dy, [x]) => ({
      x: () => {
        const float = tf.cast(x!, 'float32');
        return tf.mul(dy, tf.sub(tf.step(float), tf.step(tf.neg(float))));
      },
    }),
  });
  differentiate('Elu', {
    output: true,
    gradient: (dy, [y]) => ({ x: () => tf.mul(dy, tf.add(tf.minimum(y!, 0), 1)) }),
  });
  differentiate('Selu', {
    inputs: ['x'],
    gradient: (dy, [x]) => ({
      x: () => {
        const below = tf.mul(SELU_SCALEALPHA, tf.exp(tf.minimum(tf.cast(x!, 'float32'), 0)));
        return tf.mul(dy, tf.where(tf.greater(x!, 0), tf.fill(x!.shape, SELU_SCALE), below));
      },
    }),
  });
  const e = engine();
  const { customGrad } = e;
  e.customGrad = function (f) {
    if (!isStockGradient('logSigmoid', f)) return customGrad.call(this, f);
    return (x) => tf.neg(tf.softplus(tf.neg(x!)));
  };
}
