import type * as tf from '@tensorflow/tfjs';
import type { Curvature } from '../autodiff';
import { tensors } from '../spaces';
import { clip } from './clip';
import type { ImplicitStepOptions } from './step-options';
import type { StepGradient } from './step-parts';
import { pick } from './variables';

/** The loss, or NaN where it was another one when it was evaluated again: such a step is not taken. */
export function steadied(loss: tf.Scalar, steady: tf.Scalar | undefined): tf.Scalar {
  const s = tensors.scalars;
  return steady === undefined ? loss : s.select(steady, loss, s.of(Number.NaN));
}

/** A step's gradient, until it is freed. */
export interface OwnedStepGradient extends StepGradient {
  free(): void;
}

/** The gradient, clipped if asked for; the row space only where clipping is by one factor. */
export function gradientOf(
  recorded: Curvature,
  moving: readonly string[],
  options: ImplicitStepOptions,
): OwnedStepGradient {
  const whole = pick(recorded.gradient, moving);
  const clipped = clip(whole, options);
  const entriesClipped = clipped !== undefined && clipped.factor === undefined;
  return {
    gradient: clipped?.gradient ?? whole,
    *rowSpace(products: number) {
      const rows = entriesClipped ? undefined : yield* recorded.rowSpaceInPieces(products);
      return rows && { rows, factor: clipped?.factor };
    },
    free: () => tensors.free(clipped),
  };
}
