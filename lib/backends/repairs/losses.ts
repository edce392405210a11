import * as tf from '@tensorflow/tfjs';
import {
  differentiateCrossEntropies,
  sigmoidCrossEntropies,
  softmaxCrossEntropies,
} from '../cross-entropy';

type Numbers = tf.Tensor | tf.TensorLike;

const { MEAN, NONE, SUM_BY_NONZERO_WEIGHTS } = tf.Reduction;

const float = (x: Numbers) => tf.cast(x instanceof tf.Tensor ? x : tf.tensor(x), 'float32');

/**
 * The losses of `tf.losses`, with the same arguments.
 *
 * The stock softmax cross-entropy saves an intermediate result for its gradient, which cuts it off the
 * tape (a Hessian product of zero, and no derivative for the labels); the sigmoid one is wrong at the
 * second. Huber's loss is made of |e|, whose derivative is 0 at 0, so that its second derivative was 0
 * there instead of 1. Where all weights are 0, the mean of each loss was 0 / 0.
 */
export function repairLosses(): void {
  differentiateCrossEntropies();
  repairMeans();
  tf.losses.softmaxCrossEntropy = repaired(softmaxCrossEntropies, (z) => z.shape[z.rank - 1]!);
  tf.losses.sigmoidCrossEntropy = repaired(sigmoidCrossEntropies, () => 2);
  tf.losses.huberLoss = (labels, predictions, weights, delta = 1, reduction) =>
    tf.tidy(() =>
      tf.losses.computeWeightedLoss(hubers(labels, predictions, delta), weights, reduction),
    );
}

/** A weighted mean of cross-entropies, whose labels are smoothed towards that number of classes. */
const repaired =
  (
    entropies: (labels: tf.Tensor, logits: tf.Tensor) => tf.Tensor,
    classesOf: (logits: tf.Tensor) => number,
  ): typeof tf.losses.softmaxCrossEntropy =>
  (labels, logits, weights, labelSmoothing = 0, reduction) =>
    tf.tidy(() => {
      const z = float(logits);
      let y = float(labels);
      if (labelSmoothing > 0) {
        y = tf.add(tf.mul(y, 1 - labelSmoothing), labelSmoothing / classesOf(z));
      }
      return tf.losses.computeWeightedLoss(entropies(y, z), weights, reduction);
    });

/** ½e² up to |e| = δ, and δ(|e| − ½δ) beyond: q (e − ½q) with q = e within [−δ, δ]. */
function hubers(labels: Numbers, predictions: Numbers, delta: number): tf.Tensor {
  const [y, p] = [float(labels), float(predictions)];
  tf.util.assertShapesMatch(y.shape, p.shape, 'Error in huberLoss: ');
  const error = tf.sub(p, y);
  const near = tf.clipByValue(error, -delta, delta);
  return tf.mul(near, tf.sub(error, tf.mul(0.5, near)));
}

/** The losses that are stock but for their weighted means. */
function repairMeans(): void {
  const { losses } = tf;
  const { computeWeightedLoss, absoluteDifference, cosineDistance } = losses;
  const { hingeLoss, logLoss, meanSquaredError } = losses;
  losses.computeWeightedLoss = (each, weights, reduction) =>
    weighted((w, how) => computeWeightedLoss(each, w, how), weights, reduction);
  losses.absoluteDifference = (y, p, weights, reduction) =>
    weighted((w, how) => absoluteDifference(y, p, w, how), weights, reduction);
  losses.cosineDistance = (y, p, axis, weights, reduction) =>
    weighted((w, how) => cosineDistance(y, p, axis, w, how), weights, reduction);
  losses.hingeLoss = (y, p, weights, reduction) =>
    weighted((w, how) => hingeLoss(y, p, w, how), weights, reduction);
  losses.logLoss = (y, p, weights, epsilon, reduction) =>
    weighted((w, how) => logLoss(y, p, w, epsilon, how), weights, reduction);
  losses.meanSquaredError = (y, p, weights, reduction) =>
    weighted((w, how) => meanSquaredError(y, p, w, how), weights, reduction);
}

/** A loss as it is, but for a mean that is divided by something made of weights. */
function weighted<O extends tf.Tensor>(
  loss: (weights: Numbers | undefined, reduction?: tf.Reduction) => O,
  weights: Numbers | undefined,
  reduction = SUM_BY_NONZERO_WEIGHTS,
): O {
  const isMean = reduction === MEAN || reduction === SUM_BY_NONZERO_WEIGHTS;
  if (weights === undefined || weights === null || !isMean) return loss(weights, reduction);
  return tf.tidy(() => weightedMean(loss(undefined, NONE), float(weights), reduction) as O);
}

/** Σ w ℓ over Σ w, or over the number of weights that are not 0; 0 where all of them are. */
function weightedMean(losses: tf.Tensor, weights: tf.Tensor, reduction: tf.Reduction): tf.Tensor {
  const isCounted = tf.notEqual(tf.mul(weights, tf.ones(losses.shape)), 0);
  const count = tf.sum(tf.cast(isCounted, 'float32'));
  const total = tf.sum(tf.mul(losses, weights));
  if (reduction !== MEAN) return tf.div(total, tf.maximum(count, 1));
  const repeats = Math.max(1, losses.size / Math.max(1, weights.size));
  const instead = tf.cast(tf.equal(count, 0), 'float32');
  return tf.div(total, tf.add(tf.mul(tf.sum(weights), repeats), instead));
}
