import * as tf from '@tensorflow/tfjs';
import { exampleLosses } from '../../backends';
import { checkCount, checkNoMore, checkOptionNames } from '../../options';
import { kindOf } from './kind';
import { checkIndex } from './require';

export interface SampleWeightsOptions {
  /** The number of examples in the whole set. */
  count: number;
}

/**
 * A weight for every training example: `f = mean 2σ(λᵢ) ℓᵢ` over the batch, λ as `{ logits }`.
 *
 * It starts from 0, where every weight is 1; the sigmoid keeps weights between 0 and 2. The inner
 * Hessian needs a penalty in the losses, or examples enough, to be positive definite. A batch
 * that is not the whole set needs the `index` of its rows.
 *
 * @throws ShapeError for logits or an index of another shape, or losses that are not one for each example.
 * @see Ren et al., [Learning to reweight examples for robust deep
 *   learning](https://arxiv.org/abs/1803.09050), 2018.
 */
export function sampleWeights(options: SampleWeightsOptions) {
  checkNoMore('sampleWeights', arguments, 1);
  checkOptionNames('sampleWeights', options, ['count']);
  const { count } = options;
  checkCount(count, 'sampleWeights with a count of');
  return kindOf(
    { name: 'sampleWeights', count },
    {
      initial: () => ({ logits: tf.zeros([count]) }),
      loss(losses, w, λ, batch) {
        checkIndex(batch.index);
        const weights = tf.mul(2, tf.sigmoid(λ.logits!));
        const chosen = batch.index === undefined ? weights : tf.gather(weights, batch.index);
        const each = exampleLosses(losses(w, batch), chosen.size, 'losses for sampleWeights()');
        return tf.mean(tf.mul(chosen, each));
      },
    },
    () => ({ logits: [count] }),
  );
}
