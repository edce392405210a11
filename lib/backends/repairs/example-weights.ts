import * as tf from '@tensorflow/tfjs';
import { eachOf, exampleLosses } from '../per-example';

type LossFunction = (labels: tf.Tensor, output: tf.Tensor) => tf.Tensor;

/** The members of a `tf.LayersModel` that training goes through; private in 4.22.0. */
interface TrainedModel {
  inputs: unknown[];
  outputs: unknown[];
  lossFunctions: LossFunction[];
  makeTrainFunction(): (data: (tf.Tensor | null | undefined)[]) => tf.Tensor[];
}

/**
 * Weighs examples where `fit` is given a `classWeight`.
 *
 * TensorFlow.js multiplies the weights, of shape [batch], by what the loss function returns, of
 * whatever shape: a loss of one number then weighs the batch, one of shape [batch, 1] becomes the
 * product of two means, and one of shape [batch, batch] is weighted along the wrong axis.
 */
export function repairExampleWeights(): void {
  const prototype = tf.LayersModel.prototype as object as TrainedModel;
  const { makeTrainFunction } = prototype;
  prototype.makeTrainFunction = function (this: TrainedModel) {
    const train = makeTrainFunction.call(this);
    return (data) => {
      const before = this.lossFunctions;
      const first = this.inputs.length + this.outputs.length;
      this.lossFunctions = before.map((loss, i) => weighable(loss, data[first + i]));
      try {
        return train(data);
      } finally {
        this.lossFunctions = before;
      }
    };
  };
}

function weighable(loss: LossFunction, weights: tf.Tensor | null | undefined): LossFunction {
  if (weights == null) return loss;
  const each = eachOf(loss);
  return (labels, output) =>
    exampleLosses(each(labels, output), weights.shape[0]!, 'a loss with a classWeight');
}
