import * as tf from '@tensorflow/tfjs';
import { apply, entrywise, innerProduct, number, vector } from '../autodiff';
import { float64, mapTensors, type NamedTensors, type Scalars, tensors } from '../spaces';

/** Where the numbers that a step is judged by are: at hand, or on a device that is not waited for. */
export interface StepNumbers<S extends number | tf.Scalar> {
  scalars: Scalars<S>;
  dot(x: NamedTensors, y: NamedTensors): S;
  /** What a tensor holds. */
  of(x: tf.Scalar): S;
  /** |x|. */
  size(x: S): S;
  /** x/a, and 0 where a is 0. */
  over(x: NamedTensors, a: S): NamedTensors;
  /** Whether it is known of all of these numbers. */
  hold(values: readonly S[], condition: (value: number) => boolean): boolean;
  /** What is computed where the mask is 1, else 0, or nothing where that is known. */
  where(mask: S, compute: () => NamedTensors): NamedTensors;
}

const quotient = [apply('quotient', vector(0), number(0))];

export const atHand: StepNumbers<number> = {
  scalars: float64.scalars,
  dot: innerProduct,
  of: (x) => tensors.readSync([x])[0]!,
  size: Math.abs,
  over: (x, a) => mapTensors(x, (value) => entrywise(quotient, [value], [a])[0]!),
  hold: (values, condition) => values.every(condition),
  where: (mask, compute) => (mask === 1 ? compute() : {}),
};

export const onDevice: StepNumbers<tf.Scalar> = {
  scalars: tensors.scalars,
  dot: tensors.dot,
  of: (x) => x,
  size: tf.abs,
  over: (x, a) => mapTensors(x, (value) => tf.divNoNan(value, a)),
  hold: () => false,
  where: (mask, compute) => mapTensors(compute(), (value) => tf.mul(mask, value)),
};
