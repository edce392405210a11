import * as tf from '@tensorflow/tfjs';
import { type Curvature, type CurvatureKind, recordSelected } from '../autodiff';
import { InputError } from '../errors';
import { checkOptionNames, phrase } from '../options';
import { type Candidates, type Chosen, choose, keyed, reachedBy } from './candidates';
import { type Batch, meanCurvature } from './mean-curvature';
import type { NamedVariables } from './variables';

/** A loss of variables that it closes over. */
export type Loss = () => tf.Scalar;

export interface BatchOptions {
  /** One positive number for each loss; only their ratios count. Default equal. */
  weights?: readonly number[];
}

/** A loss with its share of the mean. */
export interface WeightedLoss {
  loss: Loss;
  share: number;
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
    expected: 'at least one',
    remedy: 'Pass one loss for each batch: step([() => lossOf(first), () => lossOf(second)]).',
  });
}

/** @throws InputError for anything but the options of a step. */
export function weightsOf(options: BatchOptions): readonly number[] | undefined {
  checkOptionNames('a step', options, ['weights']);
  return options.weights;
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
  const sum = given.reduce((total, weight) => total + weight, 0);
  return losses.map((loss, i) => ({ loss, share: given[i]! / sum }));
}

/** The mean of the losses. */
export function meanLoss(losses: WeightedLosses): tf.Scalar {
  const [first] = losses as [WeightedLoss];
  if (losses.length === 1) return first.loss();
  return tf.tidy(() =>
    tf.addN(losses.map(({ loss, share }) => tf.mul(share, loss()))),
  ) as tf.Scalar;
}

/**
 * The mean of the losses with its gradient and its curvature, each loss evaluated once.
 *
 * @throws what `recordGradient` throws, and InputError for a list of variables of which one is in
 *   none of the losses.
 */
export function recordBatches(
  losses: WeightedLosses,
  candidates: Candidates,
  kind: CurvatureKind,
): { recorded: Curvature; chosen: Chosen } {
  const [only] = losses as [WeightedLoss];
  if (losses.length === 1) {
    let chosen: Chosen | undefined;
    const select = (loss: tf.Scalar) => {
      chosen = choose(candidates, new Set(reachedBy(loss, candidates)));
      return chosen;
    };
    return { recorded: recordSelected(only.loss, select, kind), chosen: chosen! };
  }
  const batches: Batch[] = [];
  try {
    for (const { loss, share } of losses) batches.push(recordBatch(loss, share, candidates, kind));
    const reached = new Set(batches.flatMap(({ variables }) => Object.values(variables)));
    const chosen = choose(candidates, reached);
    return { recorded: meanCurvature(batches, chosen, kind), chosen };
  } catch (error) {
    for (const { recorded } of batches) recorded.dispose();
    throw error;
  }
}

/** Records one loss of several, for all candidates that it depends on. */
function recordBatch(
  loss: Loss,
  share: number,
  candidates: Candidates,
  kind: CurvatureKind,
): Batch {
  let variables: NamedVariables = {};
  const select = (value: tf.Scalar) => {
    variables = keyed(reachedBy(value, candidates));
    return { variables, block: Object.keys(variables) };
  };
  const recorded = recordSelected(loss, select, kind);
  return { recorded, share, variables };
}
