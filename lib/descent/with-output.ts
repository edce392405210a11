import type * as tf from '@tensorflow/tfjs';
import { markOutput } from '../autodiff';
import { eachOf, withEach } from '../backends';
import { InputError } from '../errors';
import { checkNoMore } from '../options';

/**
 * A loss for `model.compile` that shows Gauss–Newton where the network ends.
 *
 * `loss(y, z)` gets the labels and the output z of the last layer, which is where the cut is made.
 * For a classifier let that layer be linear, so that z are logits, and put the softmax into the
 * loss: cut at probabilities, Gauss–Newton would be the empirical Fisher matrix.
 *
 * A loss may be one number for the batch or one for each example, [batch] or [batch, …]. With a
 * `classWeight` it has to be the latter; of `softmaxCrossEntropy` and `sigmoidCrossEntropy` the
 * losses of the examples are known, and are taken then.
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
 *
 * @throws InputError if it is not a function.
 */
export function withOutput(loss: LossFunction): LossFunction {
  checkNoMore('withOutput', arguments, 1);
  if (typeof loss !== 'function') {
    throw new InputError({
      given: `withOutput of ${typeof loss === 'string' ? `'${loss}'` : `a value of type ${typeof loss}`}`,
      expected: 'a function (y, z) => loss',
      remedy:
        'Pass the function itself, such as softmaxCrossEntropy or tf.metrics.meanSquaredError.',
    });
  }
  const cut =
    (f: LossFunction): LossFunction =>
    (y, z) =>
      f(y, markOutput(z));
  return withEach(cut(loss), cut(eachOf(loss)));
}

/** A loss of labels and outputs, as `model.compile` takes it. */
export type LossFunction = (y: tf.Tensor, z: tf.Tensor) => tf.Tensor;
