import * as tf from '@tensorflow/tfjs';
import { differentiate, sumTo } from './gradient';

/**
 * The derivative of a / b for b, −(a / b) / b.
 *
 * TensorFlow.js divides by b², which is infinite from 2e19 on and 0 below 3e-23: shares of a sum of
 * that size had derivatives that were off by a factor of two, or infinite.
 */
export function repairQuotients(): void {
  differentiate('RealDiv', {
    inputs: ['a', 'b'],
    output: true,
    gradient: (dy, [a, b, y]) => ({
      a: () => sumTo(tf.div(dy, tf.cast(b!, 'float32')), a!.shape),
      b: () => tf.neg(tf.div(sumTo(tf.mul(dy, y!), b!.shape), tf.cast(b!, 'float32'))),
    }),
  });
}
