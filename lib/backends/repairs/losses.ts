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
  tf.losses.softmaxCrossEntropy = (
    onehotLabels,
    logits,
    weights,
    labelSmoothing = 0,
    reduction = tf.Reduction.SUM_BY_NONZERO_WEIGHTS,
  ) =>
    tf.tidy(() => {
      const z = float(logits);
      const classes = z.shape[z.rank - 1]!;
      let y = float(onehotLabels);
      if (labelSmoothing > 0) y = tf.add(tf.mul(y, 1 - labelSmoothing), labelSmoothing / classes);
      return tf.losses.computeWeightedLoss(softmaxCrossEntropies(y, z), weights, reduction);
    });
  tf.losses.sigmoidCrossEntropy = (
    multiClassLabels,
    logits,
    weights,
    labelSmoothing = 0,
    reduction = tf.Reduction.SUM_BY_NONZERO_WEIGHTS,
  ) =>
    tf.tidy(() => {
      const z = float(logits);
      let y = float(multiClassLabels);
      if (labelSmoothing > 0) y = tf.add(tf.mul(y, 1 - labelSmoothing), labelSmoothing / 2);
      return tf.losses.computeWeightedLoss(sigmoidCrossEntropies(y, z), weights, reduction);
    });
}
