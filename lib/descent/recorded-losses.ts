import * as tf from '@tensorflow/tfjs';
import {
  type Curvature,
  type CurvatureKind,
  collectAuxiliary,
  recordByProgramInPieces,
  recordSelectedInPieces,
} from '../autodiff';
import type { Pausing } from '../event-loop';
import type { NamedTensors } from '../spaces';
import { type Batch, heldBatch, type RecordedLoss, recordLoss, repeatedBatch } from './batch';
import type { Loss, Tapes, WeightedLosses } from './batches';
import { type Candidates, type Chosen, choose, listedIn, reachedBy } from './candidates';
import { meanAuxiliary } from './mean-auxiliary';
import { MeanGradient, meanCurvature } from './mean-curvature';
import { Place } from './place';
import { checkUnmoved, dataOf, type NamedVariables } from './variables';

/** What is recorded of the losses of a step. */
export interface RecordedLosses {
  recorded: Curvature;
  chosen: Chosen;
  /** Which memory the variables that move were when they were recorded. */
  before: Record<string, object>;
  /** What the losses have marked by `markAuxiliary`; the caller's, kept. */
  auxiliary: NamedTensors;
  /** 1 where repeated evaluations gave the same losses, else 0, the caller's; undefined where that has been checked. */
  steady(): tf.Scalar | undefined;
}

/** Which curvature is asked for. */
export interface CurvatureAsked {
  kind: CurvatureKind;
  /** Whether products and the row space are all that will be asked of it: that of one loss comes by a program. */
  byProgram: boolean;
}

/**
 * The mean of the losses with its gradient and its curvature, at the variables as they are.
 *
 * A single loss is evaluated once. Of several one evaluation is held at a time: their gradients are
 * added up, and a product evaluates them again, one after the other. With `tapes: 'all'` each is
 * evaluated once, and held.
 *
 * @throws what `recordGradient` throws; InputError for a list of variables of which one is in
 *   none of the losses, for variables that are assigned to in a pause, and for marked values of one
 *   name and several shapes.
 */
export function* recordLosses(
  losses: WeightedLosses,
  candidates: Candidates,
  { kind, byProgram }: CurvatureAsked,
  tapes: Tapes = 'one',
): Pausing<RecordedLosses> {
  if (losses.length === 1) {
    return yield* recordSingle(losses[0]!, candidates, { kind, byProgram });
  }
  const shares = losses.map(({ share }) => share);
  const batches: Batch[] = [];
  const places: Place[] = [];
  const marked: NamedTensors[] = [];
  const mean = new MeanGradient();
  const ids = new Map<tf.Variable, object>();
  try {
    for (const { loss, share, again = loss } of losses) {
      if (batches.length > 0) yield;
      const see = ({ recorded, variables }: RecordedLoss) => mean.add(recorded, share, variables);
      const note = (variables: NamedVariables) => {
        for (const variable of Object.values(variables)) {
          if (!ids.has(variable)) ids.set(variable, variable.dataId);
        }
      };
      if (tapes === 'one' && places.at(-1)?.isHere !== true) places.push(new Place());
      const place = places.at(-1);
      const work = recordLoss(loss, candidates, kind, note);
      // The loss runs in the first portion.
      const { result: begun, auxiliary } = collectAuxiliary(() => work.next());
      marked.push(auxiliary);
      const recorded = begun.done ? begun.value : yield* work;
      batches.push(batchOf(recorded, place, () => recordLoss(again, candidates, kind), see));
    }
    const chosen = choose(candidates, new Set(ids.keys()));
    const before = Object.fromEntries(
      Object.entries(chosen.variables).map(([name, variable]) => [name, ids.get(variable)!]),
    );
    checkUnmoved(chosen.variables, before, 'a step');
    const auxiliary = meanAuxiliary(marked, shares);
    const recorded = meanCurvature(batches, shares, mean, chosen, kind, places);
    return { recorded, chosen, before, auxiliary, steady: () => allSteady(batches) };
  } catch (error) {
    for (const part of [mean, ...batches, ...places]) part.dispose();
    throw error;
  } finally {
    tf.dispose(marked);
  }
}

function* recordSingle(
  { loss }: { loss: Loss },
  candidates: Candidates,
  { kind, byProgram }: CurvatureAsked,
): Pausing<RecordedLosses> {
  let chosen: Chosen | undefined;
  let before: RecordedLosses['before'] = {};
  let auxiliary: NamedTensors = {};
  const collected = () => {
    const { result, auxiliary: marked } = collectAuxiliary(loss);
    auxiliary = marked;
    return result;
  };
  const select = (value: tf.Scalar) => {
    chosen = choose(candidates, new Set(reachedBy(value, candidates)));
    before = dataOf(chosen.variables);
    return chosen;
  };
  try {
    const recorded = yield* byProgram
      ? recordByProgramInPieces(collected, select, kind, listedIn(candidates))
      : recordSelectedInPieces(collected, select, kind);
    return { recorded, chosen: chosen!, before, auxiliary, steady: () => undefined };
  } catch (error) {
    tf.dispose(auxiliary);
    throw error;
  }
}

/** Shows what was recorded of a loss, and lets go of it where there is a place to record it again. */
function batchOf(
  first: RecordedLoss,
  place: Place | undefined,
  again: () => Pausing<RecordedLoss>,
  see: (recorded: RecordedLoss) => void,
): Batch {
  let batch: Batch | undefined;
  function* recordedAgain() {
    return (yield* again()).recorded;
  }
  try {
    batch = place ? repeatedBatch(first, place, recordedAgain) : heldBatch(first);
    see(first);
    if (place) first.recorded.dispose();
    return batch;
  } catch (error) {
    batch?.dispose();
    throw error;
  }
}

function allSteady(batches: readonly Batch[]): tf.Scalar | undefined {
  const known = batches.map((batch) => batch.steady()).filter((mask) => mask !== undefined);
  return known.length === 0
    ? undefined
    : tf.tidy(() => tf.keep(tf.min(tf.stack(known)) as tf.Scalar));
}
