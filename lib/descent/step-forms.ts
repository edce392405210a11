import * as tf from '@tensorflow/tfjs';
import { mapTensors, type NamedTensors } from '../spaces';
import type { StepNumbers } from './step-numbers';

/** The largest entries of a step and of what it follows, positive. */
export interface Sizes<S> {
  step: S;
  pull: S;
}

/** `sᵀp` and `sᵀDs`, of a step s, what it follows, p, and the metric D; over the product of both sizes, if any. */
export interface Forms<S> {
  slope: S;
  weighed: S;
}

/** A step s, what it follows, p, and Ds of the metric D. */
interface Parts {
  step: NamedTensors;
  pull: NamedTensors;
  weighed: NamedTensors;
}

/** Squares in this range have lost nothing. */
const [LEAST, MOST] = [1e-20, 1e25];
const isPlain = (square: number) => Math.abs(square) > LEAST && Math.abs(square) < MOST;

/**
 * The forms of a step, and the sizes that they are formed by, so that no product vanishes or overflows whatever
 * the unit of the loss: undefined where the products are known to be right as they are.
 */
export function formsOf<S extends number | tf.Scalar>(
  numbers: StepNumbers<S>,
  { step, pull, weighed }: Parts,
): { forms: Forms<S>; sizes: Sizes<S> | undefined } {
  const formsBy = (sizes: Sizes<S> | undefined) => ({
    slope: formOf(numbers, step, pull, sizes),
    weighed: formOf(numbers, step, weighed, sizes),
  });
  const plain = formsBy(undefined);
  if (numbers.hold(Object.values(plain), isPlain)) return { forms: plain, sizes: undefined };
  const sizes = { step: numbers.of(largestOf(step)), pull: numbers.of(largestOf(pull)) };
  return { forms: formsBy(sizes), sizes };
}

/** `sᵀp`, over the product of both sizes. */
export function formOf<S extends number | tf.Scalar>(
  numbers: StepNumbers<S>,
  step: NamedTensors,
  pull: NamedTensors,
  sizes: Sizes<S> | undefined,
): S {
  if (sizes === undefined) return numbers.dot(step, pull);
  return numbers.dot(numbers.over(step, sizes.step), numbers.over(pull, sizes.pull));
}

/**
 * The step over its slope, so that the slope of the next gradient along it need only be multiplied.
 *
 * @param slope as {@link formsOf} has it
 */
export function lastOf<S extends number | tf.Scalar>(
  numbers: StepNumbers<S>,
  step: NamedTensors,
  slope: S,
  { sizes, scale }: { sizes: Sizes<S> | undefined; scale: number },
): NamedTensors {
  const s = numbers.scalars;
  const part = s.of(1 / scale);
  if (sizes === undefined) return numbers.over(step, s.multiply(part, slope));
  const rate = s.multiply(part, s.multiply(sizes.pull, slope));
  const shares = numbers.over(numbers.over(step, sizes.step), rate);
  // Of a gradient that float32 hardly holds.
  return mapTensors(shares, (share) => tf.clipByValue(share, -3e38, 3e38));
}

/** The largest entry of x without its sign; 1 where all are 0. */
function largestOf(x: NamedTensors): tf.Scalar {
  const parts = Object.values(x).filter(({ size }) => size > 0);
  if (parts.length === 0) return tf.scalar(1);
  const largest = tf.max(tf.stack(parts.map((value) => tf.max(tf.abs(value)))));
  return tf.where(tf.greater(largest, 0), largest, tf.onesLike(largest)) as tf.Scalar;
}
