import type * as tf from '@tensorflow/tfjs';
import { recordedGradientInPieces, type Tape, valueAndGradient } from '../autodiff';
import { type Pausing, withoutPause } from '../event-loop';
import type { NamedTensors } from '../spaces';
import type { Optimality, Point } from './argmin-options';

/** How an optimality takes the gradient of a loss. */
type GradientOf = (loss: (x: NamedTensors) => tf.Scalar, x: NamedTensors) => Pausing<NamedTensors>;

/** An optimality made of the gradient of a loss; nothing that it makes before the gradient is there afterwards. */
type MadeOfGradient<X extends Point> = (
  gradientOf: GradientOf,
  x: X,
  ...θ: tf.Tensor[]
) => Pausing<X>;

const known = new WeakMap<object, unknown>();

// biome-ignore lint/correctness/useYield: at once
const atOnce: GradientOf = function* (loss, x) {
  return valueAndGradient(loss, x).gradient;
};

/** An optimality that `argminAsync` may leave within the gradient that it is made of. */
export function ofGradient<X extends Point>(make: MadeOfGradient<X>): Optimality<X> {
  const optimality: Optimality<X> = (x, ...θ) => withoutPause(make(atOnce, x, ...θ));
  known.set(optimality, make);
  return optimality;
}

/** The value of an optimality on a tape that runs, in pieces where it is made by `ofGradient`; kept as long as the tape. */
export function* optimalityInPieces<X extends Point>(
  optimality: Optimality<X>,
  tape: Tape,
  x: X,
  ...θ: tf.Tensor[]
): Pausing<X> {
  const make = known.get(optimality) as MadeOfGradient<X> | undefined;
  if (make === undefined) return optimality(x, ...θ);
  return yield* make((loss, x) => recordedGradientInPieces(loss, x, tape), x, ...θ);
}
