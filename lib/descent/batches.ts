import * as tf from '@tensorflow/tfjs';
import { InputError } from '../errors';
import type { Pausing } from '../event-loop';
import { checkOptionNames, phrase } from '../options';

/** A loss of variables that it closes over. */
export type Loss = () => tf.Scalar;

/** What a step by several losses, or by the curvature of a share of the examples, is told. */
export interface BatchOptions {
  /** One positive number for each loss; only their ratios count. Default equal. */
  weights?: readonly number[];
  /**
   * Which of the evaluations are held while the step is computed. `'one'` (default): one at a time,
   * and each product evaluates every loss again, in the memory of one batch. `'all'`: each loss is
   * evaluated once, in the memory of all; for losses that draw random numbers, or where time counts.
   */
  tapes?: Tapes;
  /**
   * The loss of a share of the examples, whose curvature stands for that of all; the gradient stays that
   * of all, and `'auto'` measures on all. A product then costs that share. It is evaluated once more, and depends
   * on all that moves. Too small a share makes steps long in directions that its few examples do not see.
   *
   * @see Byrd, Chin, Neveitt & Nocedal, [On the use of stochastic Hessian information in optimization
   *   methods for machine learning](https://doi.org/10.1137/10079923X), 2011.
   */
  curvature?: Loss;
}

/** How many evaluations of losses are held at a time while a step is computed. */
export type Tapes = 'one' | 'all';

/** A loss with its share of the mean. */
export interface WeightedLoss {
  loss: Loss;
  share: number;
  /** The same loss, for each evaluation after the first; default `loss`. */
  again?: Loss;
}

export type WeightedLosses = readonly WeightedLoss[];

/** @throws InputError for anything but a function. */
export function checkedLoss(f: unknown): Loss {
  if (typeof f === 'function') return f as Loss;
  throw new InputError({
    given: f instanceof tf.Tensor ? 'a tensor as the loss' : `a loss of type ${typeof f}`,
    expected: 'a function that computes the loss from the variables',
    remedy: 'Wrap it: optimizer.minimize(() => loss(…)).',
  });
}

/** @throws InputError for an empty list, or one that holds anything but functions. */
export function lossesOf(f: Loss | readonly Loss[]): readonly Loss[] {
  if (!Array.isArray(f)) return [checkedLoss(f)];
  if (f.length > 0) return f.map(checkedLoss);
  throw new InputError({
    given: 'an empty list of losses',
    expected: 'at least one loss',
    remedy: 'Pass one loss for each batch: step([() => lossOf(first), () => lossOf(second)]).',
  });
}

/** @throws InputError for anything but the options of a step. */
export function checkBatchOptions(options: BatchOptions): BatchOptions {
  checkOptionNames('a step', options, ['weights', 'tapes', 'curvature']);
  const { tapes = 'one', curvature } = options;
  if (curvature !== undefined) checkedLoss(curvature);
  if (tapes === 'one' || tapes === 'all') return options;
  throw new InputError({
    given: `tapes: ${phrase(tapes)}`,
    expected: "'one' or 'all'",
    remedy: "Leave it out for 'one', the memory of one batch.",
  });
}

/** @throws InputError unless there is a positive weight for each loss. */
export function weighted(losses: readonly Loss[], weights?: readonly number[]): WeightedLosses {
  const given = weights ?? losses.map(() => 1);
  const positive = Array.isArray(given) && given.every((w) => Number.isFinite(w) && w > 0);
  if (!positive || given.length !== losses.length) {
    throw new InputError({
      given: `${Array.isArray(given) ? `the weights [${given.map(String)}]` : phrase(given)} for ${losses.length} losses`,
      expected: 'one positive number for each loss',
      remedy: 'Give the sizes of the batches, where they differ.',
    });
  }
  // Divided by the largest first, whose sum with others might be too large for a number.
  const largest = given.reduce((most, weight) => Math.max(most, weight), 0);
  const relative = given.map((weight) => weight / largest);
  const sum = relative.reduce((total, weight) => total + weight, 0);
  return losses.map((loss, i) => ({ loss, share: relative[i]! / sum }));
}

/**
 * The mean of the losses, of which none is what this returns: a loss may be a variable itself. It is kept, and
 * the work can be left between the losses.
 */
export function* meanLoss(losses: WeightedLosses): Pausing<tf.Scalar> {
  const [first] = losses as [WeightedLoss];
  if (losses.length === 1) return tf.tidy(() => tf.keep(tf.clone(first.loss())));
  const parts: tf.Scalar[] = [];
  try {
    for (const { loss, share } of losses) {
      if (parts.length > 0) yield;
      // Each in a tidy of its own, so that one batch is held at a time.
      parts.push(tf.tidy(() => tf.keep(tf.mul(share, loss()))));
    }
    return tf.tidy(() => tf.keep(tf.addN(parts) as tf.Scalar));
  } finally {
    tf.dispose(parts);
  }
}
