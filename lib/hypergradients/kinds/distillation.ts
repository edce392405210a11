import * as tf from '@tensorflow/tfjs';
import { InputError } from '../../errors';
import { checkNoMore, checkOptionNames } from '../../options';
import { kindOf } from './kind';
import { checkRows, checkShape } from './require';

export interface DistillationOptions {
  /** The targets of the learned examples, a row for each: one-hot rows for classes. */
  targets: readonly (readonly number[])[];
  /** The shape of one input: `[784]`. */
  shape: readonly number[];
}

/**
 * Data set distillation: the training inputs themselves are learned, `f = mean ℓ(w; λ, targets)`.
 *
 * λ is `{ x }`, an input for each row of the targets, from 0. The batches of the inner loss are
 * not looked at. Few examples leave the inner Hessian singular: put a penalty into the losses.
 *
 * @throws InputError for targets that are not rows of one length.
 * @see Wang et al., [Dataset distillation](https://arxiv.org/abs/1811.10959), 2018; Lorraine, Vicol
 *   & Duvenaud, [Optimizing millions of hyperparameters by implicit
 *   differentiation](https://arxiv.org/abs/1911.02590), 2020.
 */
export function distillation(options: DistillationOptions) {
  checkNoMore('distillation', arguments, 1);
  checkOptionNames('distillation', options, ['targets', 'shape']);
  const { targets, shape } = options;
  checkRows(targets, 'targets');
  checkShape(shape);
  const width = targets[0]?.length ?? 0;
  if (width === 0 || targets.some((row) => row.length !== width)) {
    throw new InputError({
      given: `${targets.length} targets that are not rows of one length`,
      expected: 'at least one row, all of one length',
      remedy: 'Give a one-hot row for each example to be learned.',
    });
  }
  return kindOf(
    { name: 'distillation', targets, shape },
    {
      initial: () => ({ x: tf.zeros([targets.length, ...shape]) }),
      loss: (losses, w, λ) =>
        tf.mean(losses(w, { x: λ.x!, y: tf.tensor2d(targets.map((row) => [...row])) })),
    },
    () => ({ x: [targets.length, ...shape] }),
  );
}
