import * as tf from '@tensorflow/tfjs';
import { checkMethods, checkNoMore, checkNumericTensor, checkOptionNames } from '../../options';
import type { NamedTensors } from '../../spaces';
import { kindOf } from './kind';

export interface AugmentationOptions {
  /** The inputs of a batch made into others by λ; noise in it must be the same in every call. */
  transform(x: tf.Tensor, λ: NamedTensors): tf.Tensor;
  /** A new λ to start from. */
  initial(): NamedTensors;
}

/**
 * Data augmentation: `f = mean ℓ(w, T(x, λ))`, with T a small network or a map with few parameters.
 *
 * λ enters through the inputs, so there is no direct term, and B is as dense as the model.
 *
 * @see Lorraine, Vicol & Duvenaud, [Optimizing millions of hyperparameters by implicit
 *   differentiation](https://arxiv.org/abs/1911.02590), 2020.
 */
export function augmentation(options: AugmentationOptions) {
  checkNoMore('augmentation', arguments, 1);
  checkOptionNames('augmentation', options, ['transform', 'initial']);
  checkMethods(options, 'the options of augmentation', ['transform', 'initial']);
  const { transform, initial } = options;
  return kindOf(
    { name: 'augmentation' },
    {
      initial,
      loss(losses, w, λ, batch) {
        const x = transform(batch.x, λ);
        checkNumericTensor(x, 'what the transform of augmentation returns');
        return tf.mean(losses(w, { ...batch, x }));
      },
    },
  );
}
