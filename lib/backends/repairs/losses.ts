import * as tf from '@tensorflow/tfjs';
import {
  differentiateCrossEntropies,
  sigmoidCrossEntropies,
  softmaxCrossEntropies,
} from '../cross-entropy';

const float = (x: tf.Tensor | tf.TensorLike) =>
  tf.cast(x instanceof tf.Tensor ? x : tf.tensor(x), 'float32');

/**
 * The cross-entropies of `tf.losses`, with the same arguments and right second derivatives.
 *
 * The stock softmax one saves an intermediate result for its gradient, which cuts it off the tape
 * (a Hessian product of zero, and no derivative for the labels).
 */
export function repairLosses(): void {
  differentiateCrossEntropies();
  tf.losses.softmaxCrossEntropy = repaired(softmaxCrossEntropies, (z) => z.shape[z.rank - 1]!);
  tf.losses.sigmoidCrossEntropy = repaired(sigmoidCrossEntropies, () => 2);
}

/** A weighted mean of cross-entropies, whose labels are smoothed towards that number of classes. */
const repaired =
  (
    entropies: (labels: tf.Tensor, logits: tf.Tensor) => tf.Tensor,
    classesOf: (logits: tf.Tensor) => number,
  ): typeof tf.losses.softmaxCrossEntropy =>
  (labels, logits, weights, labelSmoothing = 0, reduction = tf.Reduction.SUM_BY_NONZERO_WEIGHTS) =>
    tf.tidy(() => {
      const z = float(logits);
      let y = float(labels);
      if (labelSmoothing > 0) {
        y = tf.add(tf.mul(y, 1 - labelSmoothing), labelSmoothing / classesOf(z));
      }
      return tf.losses.computeWeightedLoss(entropies(y, z), weights, reduction);
    });
