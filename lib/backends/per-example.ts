import * as tf from '@tensorflow/tfjs';
import { ShapeError } from '../errors';

type LossFunction = (labels: tf.Tensor, output: tf.Tensor) => tf.Tensor;

const versions = new WeakMap<LossFunction, LossFunction>();

/** Notes which function gives the losses of the examples that `mean` averages; returns `mean`. */
export function withEach<F extends LossFunction>(mean: F, each: LossFunction): F {
  versions.set(mean, each);
  return mean;
}

/** The function that gives one loss per example, or the one given where no other is known. */
export const eachOf = (loss: LossFunction): LossFunction => versions.get(loss) ?? loss;

/**
 * Losses as one for each example, so that weights of examples can be multiplied by them: the mean
 * over all axes but the first.
 *
 * @param count the number of examples
 * @param what how the message calls the loss
 * @returns shape [count]
 * @throws ShapeError for a loss whose first axis is not that of the examples, a scalar above all
 */
export function exampleLosses(losses: tf.Tensor, count: number, what = 'the loss'): tf.Tensor1D {
  if (losses instanceof tf.Tensor && losses.rank > 0 && losses.shape[0] === count) {
    return losses.rank === 1
      ? (losses as tf.Tensor1D)
      : tf.tidy(() => tf.mean(tf.reshape(losses, [count, -1]), 1) as tf.Tensor1D);
  }
  const shape = losses instanceof tf.Tensor ? `shape [${losses.shape}]` : `type ${typeof losses}`;
  throw new ShapeError({
    given: `${what} of ${shape}, to be weighted example by example`,
    expected: `one loss for each of ${count} examples, of shape [${count}] or [${count}, …]`,
    remedy:
      'Return losses before they are averaged: softmaxCrossEntropies or sigmoidCrossEntropies, or ' +
      'a tf.losses function with tf.Reduction.NONE.',
  });
}
