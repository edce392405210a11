import type * as tf from '@tensorflow/tfjs';
import type { SolverStatus } from '../solvers';
import { tensors } from '../spaces';
import type { Direction } from './implicit-step';
import { stepNotFinite } from './variables';

/** What a step did. */
export interface StepStats {
  /** The loss before the step. */
  loss: number;
  /** The step size δ, schedule included. */
  stepSize: number;
  /** Iterations of the linear solver, or Newton steps of an exact step. */
  iterations: number;
  /** Norm of what is left of the linear system, or of `x⁺ − x + δ∇F(x⁺)`. */
  residualNorm: number;
  /** `negative-curvature`: the best iterate before it was taken. */
  status: SolverStatus;
  /** Products with the curvature. */
  products: number;
  /** Wall-clock time of the call; on a GPU, until the work was handed over. */
  seconds: number;
  /**
   * With `'auto'`: what the loss fell by over what the model of the step promised; undefined where it
   * was not measured.
   */
  ratio?: number;
  /** With `'auto'`: whether the step was taken, which it is not where the loss rose. */
  taken?: boolean;
}

/** What else the stats of a step wait for. */
export interface AwaitedNumbers {
  /** Scalars whose numbers are asked for. */
  facts: readonly tf.Scalar[];
  /** What follows from these numbers. */
  learn(numbers: readonly number[]): Pick<StepStats, 'ratio' | 'taken'>;
}

/** The stats of a step, some of whose numbers may still be on the device. */
export class PendingStats {
  #loss: tf.Scalar;
  #sound: tf.Scalar;
  #direction: Pick<Direction, 'report' | 'dispose'>;
  #known: Pick<StepStats, 'stepSize' | 'products' | 'seconds'>;
  #undone: () => void;
  #awaited: AwaitedNumbers | undefined;
  #read: Promise<StepStats> | undefined;

  /** @param undone called where it turns out that the step was undone on the device */
  constructor(
    loss: tf.Scalar,
    sound: tf.Scalar,
    direction: Pick<Direction, 'report' | 'dispose'>,
    known: Pick<StepStats, 'stepSize' | 'products' | 'seconds'>,
    undone: () => void,
    awaited?: AwaitedNumbers,
  ) {
    this.#undone = undone;
    this.#awaited = awaited;
    this.#loss = tensors.keep(loss.clone() as tf.Scalar);
    this.#sound = tensors.keep(sound.clone() as tf.Scalar);
    this.#direction = direction;
    this.#known = known;
  }

  /** @throws NotFiniteError if the step was undone on the device. */
  read(): Promise<StepStats> {
    this.#read ??= this.#transfer();
    return this.#read;
  }

  async #transfer(): Promise<StepStats> {
    // Both are asked for before the first answer: the next step frees what they are read from.
    const { facts = [], learn } = this.#awaited ?? {};
    const [[loss, sound, ...numbers], report] = await Promise.all([
      tensors.read([this.#loss, this.#sound, ...facts]) as Promise<[number, number, ...number[]]>,
      this.#direction.report(),
    ]);
    this.dispose();
    if (sound !== 1) {
      this.#undone();
      throw stepNotFinite(loss);
    }
    return { loss, ...report, ...this.#known, ...learn?.(numbers) };
  }

  dispose(): void {
    tensors.free([this.#loss, this.#sound, this.#awaited?.facts]);
    this.#direction.dispose();
  }
}
