import type * as tf from '@tensorflow/tfjs';
import type { Curvature, RowSpace } from '../autodiff';
import type { Pausing } from '../event-loop';
import type { NamedTensors } from '../spaces';
import type { Candidates, Chosen } from './candidates';
import type { Direction } from './implicit-step';
import type { RecordedLosses } from './recorded-losses';
import type { Objective } from './self-tuning';

/** What is known of a step before its loss has been computed. */
export interface StepDraft extends Candidates {
  stepSize: number;
}

/** What the next step moves, and how far. */
export interface StepPlan extends Chosen {
  stepSize: number;
  /** What a momentum is multiplied by first, since δ has risen. Default 1. */
  carried?: number;
}

/** What a step is made of. */
export interface StepRecord extends Omit<RecordedLosses, 'chosen'> {
  plan: StepPlan;
  /** The curvature of a share of the examples, where that is to stand for all of `recorded`. */
  share?: Curvature;
  /** When the recording began, in milliseconds. */
  began: number;
  /** How often the optimizer had forgotten its steps then. */
  disposals: number;
}

/** The gradient that a step is made of. */
export interface StepGradient {
  /** Of all that moves, clipped where that is asked for. */
  gradient: NamedTensors;
  /** That of the row space, or undefined where there is none, or it is not worthwhile for that number of products. */
  rowSpace(
    products: number,
  ): Pausing<{ rows: RowSpace; factor: tf.Scalar | undefined } | undefined>;
}

/** A step that is ready to be taken: `x⁺ = x − δ step`. */
export interface Proposal {
  step: NamedTensors;
  /** What `accept` will remember; the step is not taken unless it is finite. */
  memory?: readonly NamedTensors[];
  /** What the step lowers, by a model whose gain can be compared with what is gained. */
  objective: Objective;
  /** How the linear system was solved. */
  solved: Pick<Direction, 'products' | 'report' | 'dispose'>;
  /** Takes note that the step was taken: `sound` is 1, or 0 where a GPU has undone it. */
  accept?(sound: tf.Scalar): void;
  /** Takes note that the step turned out, later, to have been undone. */
  undone?(): void;
  /** Frees what the step was made of. */
  free(): void;
}
