import * as tf from '@tensorflow/tfjs';
import { type Curvature, type CurvatureKind, recordSelectedInPieces } from '../autodiff';
import { InputError } from '../errors';
import { type Pausing, withoutPause } from '../event-loop';
import { type NamedTensors, tensors } from '../spaces';
import type { Loss } from './batches';
import { type Candidates, keyed, reachedBy } from './candidates';
import type { Place } from './place';
import type { NamedVariables } from './variables';

/** One loss of several, with all candidates that it depends on under names of its own. */
export interface Batch {
  variables: NamedVariables;
  /** The shapes of the network's outputs, where the factors of the curvature are known. */
  outputs: Shapes | undefined;
  /** Works with the loss as it was recorded. */
  use<T>(work: (recorded: Curvature) => T): T;
  /** The same of work that can be left for a while. */
  useInPieces<T>(work: (recorded: Curvature) => Pausing<T>): Pausing<T>;
  /** 1 where each evaluation gave the same value, else 0; undefined where that has been checked. */
  steady(): tf.Scalar | undefined;
  dispose(): void;
}

export type Shapes = Record<string, number[]>;

const shapesOf = (x: NamedTensors | undefined): Shapes | undefined =>
  x && Object.fromEntries(Object.entries(x).map(([name, { shape }]) => [name, shape]));

/** Two evaluations of a loss at one place may differ by this part: rounding, by another order of a sum. */
const SAME = 1e-4;

/** A loss at the variables as they are, with all candidates that it depends on. */
export interface RecordedLoss {
  recorded: Curvature;
  variables: NamedVariables;
}

/**
 * Records a loss for all candidates that it depends on, to be left for a while after the loss.
 *
 * @param note told these in the portion in which the loss runs
 */
export function* recordLoss(
  loss: Loss,
  candidates: Candidates,
  kind: CurvatureKind,
  note: (variables: NamedVariables) => void = () => {},
): Pausing<RecordedLoss> {
  let variables: NamedVariables = {};
  const select = (value: tf.Scalar) => {
    variables = keyed(reachedBy(value, candidates));
    note(variables);
    return { variables, block: Object.keys(variables) };
  };
  const recorded = yield* recordSelectedInPieces(loss, select, kind);
  return { recorded, variables };
}

/** A batch whose evaluation is held; it owns what was recorded. */
export function heldBatch({ recorded, variables }: RecordedLoss): Batch {
  return {
    variables,
    outputs: shapesOf(recorded.factors?.outputs),
    use: (work) => work(recorded),
    useInPieces: (work) => work(recorded),
    steady: () => undefined,
    dispose: () => recorded.dispose(),
  };
}

/**
 * A batch that is evaluated again for each use, with the variables as they were. What was recorded
 * first stays the caller's, and so does the place.
 *
 * @throws InputError, from `use`, where the value is another than before.
 */
export function repeatedBatch(
  { recorded, variables }: RecordedLoss,
  place: Place,
  again: () => Pausing<Curvature>,
): Batch {
  const value = tensors.keep(recorded.value.clone()) as tf.Scalar;
  const readable = tensors.readableNow();
  const [expected] = readable ? tensors.readSync([value]) : [];
  let steady: tf.Scalar | undefined;
  const compare = (now: tf.Scalar) => {
    if (readable) {
      const [got] = tensors.readSync([now]) as [number];
      if (!isSame(got, expected!)) throw unsteady(expected!, got);
      return;
    }
    const same = tensors.keep(
      tf.tidy(() => {
        const size = tf.maximum(tf.abs(now), tf.abs(value));
        const near = tf.lessEqual(tf.abs(tf.sub(now, value)), tf.mul(SAME, size));
        const one = tf.cast(near, 'float32') as tf.Scalar;
        return steady === undefined ? one : (tf.mul(one, steady) as tf.Scalar);
      }),
    );
    tensors.free(steady);
    steady = same;
  };
  return {
    variables,
    outputs: shapesOf(recorded.factors?.outputs),
    *useInPieces(work) {
      const repeated = yield* place.runInPieces(again());
      try {
        compare(repeated.value);
        return yield* work(repeated);
      } finally {
        repeated.dispose();
      }
    },
    use: (work) => {
      const repeated = withoutPause(place.runInPieces(again()));
      try {
        compare(repeated.value);
        return work(repeated);
      } finally {
        repeated.dispose();
      }
    },
    steady: () => steady,
    dispose: () => tensors.free([value, steady]),
  };
}

const isSame = (a: number, b: number): boolean =>
  Object.is(a, b) || Math.abs(a - b) <= SAME * Math.max(Math.abs(a), Math.abs(b));

/** The error of a loss that is not a function of the variables. */
export function unsteady(first?: number, second?: number): InputError {
  const values = first === undefined ? '' : `: ${first}, then ${second}`;
  return new InputError({
    given: `a loss of several that has another value each time it is evaluated${values}`,
    expected: 'losses that are functions of the variables, since a product evaluates them again',
    remedy:
      "Pass { tapes: 'all' } to evaluate each loss once, as dropout or random data need it; the " +
      'memory is then that of all batches. The weights are as they were.',
  });
}
