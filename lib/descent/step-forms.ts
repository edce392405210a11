import * as tf from '@tensorflow/tfjs';
import { mapTensors, type NamedTensors, tensors } from '../spaces';

/** The largest entries of a step and of what it follows, positive. */
export interface Sizes {
  step: tf.Scalar;
  pull: tf.Scalar;
}

/** `sᵀp` and `sᵀDs`, of a step s, what it follows, p, and the metric D; over the product of both sizes, if any. */
export interface Forms {
  slope: tf.Scalar;
  weighed: tf.Scalar;
}

/** Squares in this range have lost nothing. */
const [LEAST, MOST] = [1e-20, 1e25];

/**
 * The sizes to form products by, so that none of them vanishes or overflows whatever the unit of the loss.
 *
 * @returns undefined where the products are right as they are, and can be read
 */
export function sizesOf(
  step: NamedTensors,
  pull: NamedTensors,
  metric: NamedTensors | undefined,
): Sizes | undefined {
  if (tensors.readableNow()) {
    const { slope, weighed } = formsOf(step, pull, metric, undefined);
    const isRight = tensors
      .readSync([slope, weighed])
      .every((x) => Math.abs(x) > LEAST && Math.abs(x) < MOST);
    if (isRight) return undefined;
  }
  return { step: largestOf(step), pull: largestOf(pull) };
}

export function formsOf(
  step: NamedTensors,
  pull: NamedTensors,
  metric: NamedTensors | undefined,
  sizes: Sizes | undefined,
): Forms {
  const s = tensors.scalars;
  const scaled = over(step, sizes?.step);
  const weighed = metric
    ? mapTensors(scaled, (value, name) => tf.mul(value, metric[name]!))
    : scaled;
  const square = tensors.dot(scaled, weighed);
  return {
    slope: formOf(step, pull, sizes),
    weighed: sizes ? s.multiply(s.divide(sizes.step, sizes.pull), square) : square,
  };
}

/** `sᵀp`, over the product of both sizes. */
export function formOf(step: NamedTensors, pull: NamedTensors, sizes: Sizes | undefined) {
  return tensors.dot(over(step, sizes?.step), over(pull, sizes?.pull));
}

/**
 * The step over its slope, so that the slope of the next gradient along it need only be multiplied; 0 where
 * the step was not taken.
 *
 * @param slope as {@link formsOf} has it
 */
export function lastOf(
  step: NamedTensors,
  slope: tf.Scalar,
  { sizes, scale, taken }: { sizes: Sizes | undefined; scale: number; taken: tf.Scalar },
): NamedTensors {
  const s = tensors.scalars;
  const rate = s.multiply(s.of(1 / scale), sizes ? s.multiply(sizes.pull, slope) : slope);
  const scaled = over(step, sizes?.step);
  return mapTensors(scaled, (value) => {
    const share = tf.mul(taken, tf.divNoNan(value, rate));
    // Of a gradient that float32 hardly holds.
    return sizes ? tf.clipByValue(share, -3e38, 3e38) : share;
  });
}

const over = (x: NamedTensors, size: tf.Scalar | undefined): NamedTensors =>
  size ? mapTensors(x, (value) => tf.div(value, size)) : x;

/** The largest entry of x without its sign; 1 where all are 0. */
function largestOf(x: NamedTensors): tf.Scalar {
  const parts = Object.values(x).filter(({ size }) => size > 0);
  if (parts.length === 0) return tf.scalar(1);
  const largest = tf.max(tf.stack(parts.map((value) => tf.max(tf.abs(value)))));
  return tf.where(tf.greater(largest, 0), largest, tf.onesLike(largest)) as tf.Scalar;
}
