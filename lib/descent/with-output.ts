import type * as tf from '@tensorflow/tfjs';
import { markOutput } from '../autodiff';

/**
 * A loss for `model.compile` that shows Gauss–Newton where the network ends.
 *
 * `loss(y, z)` gets the labels and the output z of the last layer, which is where the cut is made.
 * For a classifier let that layer be linear, so that z are logits, and put the softmax into the
 * loss: cut at probabilities, Gauss–Newton would be the empirical Fisher matrix.
 *
 * TensorFlow.js does not save losses that are functions: compile a loaded model again with this, and
 * with the optimizer that was loaded, which goes on where it was.
 *
 * ```ts
 * model.compile({
 *   optimizer: implicitSGD(0.2, { curvature: 'gauss-newton' }),
 *   loss: withOutput(softmaxCrossEntropy),
 * });
 * // after loading
 * model.compile({ optimizer: model.optimizer, loss: withOutput(softmaxCrossEntropy) });
 * ```
 */
export function withOutput(
  loss: (y: tf.Tensor, z: tf.Tensor) => tf.Tensor,
): (y: tf.Tensor, z: tf.Tensor) => tf.Tensor {
  return (y, z) => loss(y, markOutput(z));
}
