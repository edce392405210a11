import * as tf from '@tensorflow/tfjs';
import { type AuxiliaryNumbers, auxiliaryNumbers, type Execution } from '../autodiff';
import type { SolverStatus } from '../solvers';
import { type NamedTensors, tensors } from '../spaces';
import { unsteady } from './batch';
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
  /** Norm of the residual of the linear system, as reported by its solver, or of `x⁺ − x + δ∇F(x⁺)`. */
  residualNorm: number;
  /** How the solve ended, as its solver says; `negative-curvature`: the best iterate before it was taken. */
  status: SolverStatus;
  /** Products with the curvature. */
  products: number;
  /** Whether gradient, products and solver ran by a compiled program, or operation by operation. */
  execution: Execution;
  /** Wall-clock time of the call; on a GPU, until the work was handed over. */
  seconds: number;
  /**
   * With `'auto'`: what the loss (of `implicitAdam`, with the linear part that its momentum adds) fell by over
   * what the model of the step promised; undefined where it was not measured.
   */
  ratio?: number;
  /** With `'auto'`: whether the step was taken, as every one is that is not measured. */
  taken?: boolean;
  /**
   * What the loss has marked by `markAuxiliary`, as numbers: `{ accuracy: 0.9 }`; of several losses the
   * mean, by their weights. Absent where nothing was marked.
   */
  auxiliary?: AuxiliaryNumbers;
}

/** What else the stats of a step wait for. */
export interface AwaitedNumbers {
  /** Scalars whose numbers are asked for. */
  facts: readonly tf.Scalar[];
  /** What follows from these numbers. */
  learn(numbers: readonly number[]): Pick<StepStats, 'ratio' | 'taken'>;
}

/** What a step leaves to be read. */
export interface StepOutcome {
  loss: tf.Scalar;
  /** 1, or 0 where the step was undone on the device. */
  sound: tf.Scalar;
  /** 1, or 0 where the step was undone because losses changed their value; undefined where that was checked. */
  steady: tf.Scalar | undefined;
  solved: Pick<Direction, 'report' | 'dispose'>;
  known: Pick<StepStats, 'stepSize' | 'products' | 'execution' | 'seconds'>;
  /** What the loss has marked, kept; the stats own it from now on. */
  auxiliary: NamedTensors;
  awaited: AwaitedNumbers | undefined;
  /** Called where it turns out that the step was undone on the device. */
  undone(): void;
}

/** The stats of a step, some of whose numbers may still be on the device. */
export class PendingStats {
  readonly #outcome: StepOutcome;
  readonly #scalars: tf.Scalar[];
  #read: Promise<StepStats> | undefined;

  constructor(outcome: StepOutcome) {
    const { loss, sound, steady = tf.scalar(1) } = outcome;
    this.#outcome = outcome;
    this.#scalars = [loss, sound, steady].map((x) => tensors.keep(x.clone() as tf.Scalar));
    if (outcome.steady === undefined) steady.dispose();
  }

  /** @throws NotFiniteError if the step was undone on the device; InputError where a loss is not steady. */
  read(): Promise<StepStats> {
    this.#read ??= this.#transfer();
    return this.#read;
  }

  async #transfer(): Promise<StepStats> {
    const { solved, known, auxiliary, undone, awaited } = this.#outcome;
    const { facts = [], learn } = awaited ?? {};
    // All are asked for before the first answer: the next step frees what they are read from.
    const [[loss, sound, steady, ...numbers], report, marked] = await Promise.all([
      tensors.read([...this.#scalars, ...facts]) as Promise<[number, number, number, ...number[]]>,
      solved.report(),
      auxiliaryNumbers(auxiliary),
    ]);
    this.dispose();
    if (sound !== 1) {
      undone();
      throw steady === 1 ? stepNotFinite(loss) : unsteady();
    }
    const noted = Object.keys(marked).length > 0 ? { auxiliary: marked } : {};
    return { loss, ...report, ...known, ...learn?.(numbers), ...noted };
  }

  dispose(): void {
    const { solved, auxiliary, awaited } = this.#outcome;
    tensors.free([this.#scalars, auxiliary, awaited?.facts]);
    solved.dispose();
  }
}

export const secondsSince = (began: number) => (performance.now() - began) / 1000;
