import type * as tf from '@tensorflow/tfjs';
import { InputError } from '../errors';
import type { LinearSolver } from '../solvers';
import { tensors } from '../spaces';
import { configOf, fromConfig } from './config';
import { type AutoRate, checkRate, isAuto, type LearningRate, rateAt } from './rate';
import {
  fromWeights,
  type Moment,
  type NamedWeights,
  type SavedState,
  wrongState,
} from './saved-state';
import { apart, SelfTuning, tuningFrom } from './self-tuning';
import { Guarded, watched } from './settings';
import { StepCount } from './step-count';
import { checkTuned, defaultSolver, type ImplicitStepOptions } from './step-options';

/**
 * An optimizer's settings and state: its options, its rate, the count of its steps; and both as records
 * that TensorFlow.js saves with a model.
 */
export abstract class StatefulOptimizer<O extends ImplicitStepOptions> extends Guarded {
  /** Whether x was made by this class: TensorFlow.js takes whatever has its methods for an optimizer. */
  static override [Symbol.hasInstance](x: unknown): boolean {
    // biome-ignore lint/complexity/noThisInStatic: each class asks for itself.
    return Function.prototype[Symbol.hasInstance].call(this, x);
  }

  readonly #options: O;
  #learningRate: AutoRate;
  /** Finds δ, where it is not given. */
  readonly #tuning: SelfTuning | undefined;
  /** Where the implicit parameters are among the variables; names change when a model is saved. */
  #places: readonly number[] | undefined;
  readonly #count = new StepCount();

  /**
   * @param check throws for options that cannot be
   * @param first the δ from which it is found with `'auto'`, unless the options say
   */
  constructor(learningRate: AutoRate, options: O, check: (options: O) => void, first: number) {
    super();
    checkRate(learningRate);
    const checkAll = (next: O) => {
      check(next);
      checkTuned(isAuto(learningRate), next);
    };
    checkAll(options);
    this.#learningRate = learningRate;
    this.#options = watched({ ...options }, checkAll);
    if (isAuto(learningRate)) this.#tuning = new SelfTuning(options.initial ?? first);
  }

  /** The options; to assign to one, or to the property of its name, counts from the next step on. */
  get options(): O {
    return this.#options;
  }

  /** @throws InputError always: options are changed one by one. */
  set options(_: O) {
    throw new InputError({
      given: 'other options for an existing optimizer',
      expected: 'an assignment to one of its options, such as optimizer.options.solver = cg()',
      remedy: 'Or make a new optimizer, and give it the state of this one by setWeights.',
    });
  }

  /** δ of the next step, before its schedule. */
  get learningRate(): number {
    if (this.#tuning) return this.#tuning.region.delta;
    return rateAt(this.#learningRate, this.iterations);
  }

  /** Changes δ from the next step on; with `'auto'` it goes on from there. */
  set learningRate(learningRate: LearningRate) {
    this.setLearningRate(learningRate);
  }

  /** Changes δ from the next step on; with `'auto'` it goes on from there. */
  setLearningRate(learningRate: LearningRate): void {
    checkRate(learningRate, this.#tuning !== undefined);
    if (this.#tuning) this.#tuning.region.delta = rateAt(learningRate, this.iterations);
    else this.#learningRate = learningRate;
  }

  /** Solves the linear system of the next step. */
  protected get solverNow(): LinearSolver {
    return this.options.solver ?? this.#tuning?.region.solver ?? defaultSolver;
  }

  /** What finds δ, where it is not given. */
  protected get tuning(): SelfTuning | undefined {
    return this.#tuning;
  }

  /** What the optimizer keeps of parameters, to be saved. */
  protected kept(): readonly Moment[] {
    return [];
  }

  /**
   * The count of steps, and the values kept for parameters: the optimizer's own tensors, which live until
   * the next step, or the next call.
   */
  override async getWeights(): Promise<NamedWeights> {
    const weights = this.#count.weights(this.iterations, this.kept());
    return [...weights, ...(this.#tuning?.saved() ?? [])];
  }

  /**
   * Takes copies of what `getWeights` returned, of this optimizer or of another one of its kind.
   *
   * @throws InputError, ShapeError, NotFiniteError or DisposedError for anything but the state of such an
   *   optimizer; nothing has changed then.
   */
  override async setWeights(weights: NamedWeights): Promise<void> {
    const { plain, tuning } = apart(weights);
    if (this.#tuning === undefined) {
      this.restore(await fromWeights(weights));
    } else {
      const state = await fromWeights(plain);
      const tuned = await tuningFrom(tuning).catch((error) => {
        tensors.free(state.moments);
        throw error;
      });
      try {
        this.restore(state);
      } catch (error) {
        tensors.free(tuned.steps);
        throw error;
      }
      this.#tuning.restore(tuned);
    }
    this.#recount();
  }

  /** Takes over a state, or throws. */
  protected restore({ iterations, moments }: SavedState): void {
    if (moments.length > 0) {
      tensors.free(moments);
      throw wrongState(`the moments of ${moments.length} parameters`);
    }
    this.iterations_ = iterations;
  }

  override getConfig(): tf.serialization.ConfigDict {
    return configOf(this.#learningRate, this.options, this.#places);
  }

  static override fromConfig<T extends tf.serialization.Serializable>(
    cls: tf.serialization.SerializableConstructor<T>,
    config: tf.serialization.ConfigDict,
  ): T {
    return new cls(...fromConfig(config));
  }

  /** Takes note of a step that was taken, and of the places of its parameters among the variables. */
  protected countStep(places: readonly number[] | undefined): void {
    this.#places = places;
    this.incrementIterations();
    this.#recount();
  }

  /** Takes back the count of a step that turned out to have been undone. */
  protected uncountStep(): void {
    this.iterations_ = this.iterations - 1;
    this.#recount();
  }

  /** Frees the state; the next step is the first one again. */
  override dispose(): void {
    this.#tuning?.dispose();
    this.#count.dispose();
    this.iterations_ = 0;
  }

  #recount(): void {
    this.#count.set(this.iterations);
    this.#tuning?.saved();
  }
}
