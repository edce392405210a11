import * as tf from '@tensorflow/tfjs';
import { type NamedTensors, tensors } from '../spaces';

/**
 * `‖x‖₂` on the device, right where squares would overflow or vanish: `m ‖x/m‖` with m the largest
 * absolute value. NaN where an entry is not finite.
 */
export function normOf(x: NamedTensors): tf.Scalar {
  return tensors.tidy(() => {
    const largest = largestOf(x);
    const unit = tf.where(tf.greater(largest, 0), largest, 1) as tf.Scalar;
    const scaled = Object.values(x).map((value) => tf.sum(tf.square(tf.div(value, unit))));
    return tf.mul(unit, tf.sqrt(tf.addN(scaled))) as tf.Scalar;
  });
}

/** The largest absolute value. */
function largestOf(x: NamedTensors): tf.Scalar {
  const largest = Object.values(x)
    .filter(({ size }) => size > 0)
    .map((value) => tf.max(tf.abs(value)) as tf.Scalar);
  return largest.length === 0 ? tf.scalar(0) : (tf.max(tf.stack(largest)) as tf.Scalar);
}
