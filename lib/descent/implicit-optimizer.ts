import * as tf from '@tensorflow/tfjs';
import { type Curvature, recordGradient } from '../autodiff';
import { InputError, UnsupportedError } from '../errors';
import { checkOptionNames } from '../options';
import { cg, type LinearSolver } from '../solvers';
import { type NamedTensors, tensors } from '../spaces';
import { configOf, fromConfig } from './config';
import { checkConnected } from './connected';
import type { Direction } from './implicit-step';
import { chosenParameters, type ParameterChoice } from './parameters';
import { factorAt, type Schedule } from './schedule';
import { PendingStats, type StepStats } from './stats';
import { checkFinite, move, type NamedVariables, trainable } from './variables';

/** What every implicit optimizer can be told. */
export interface ImplicitStepOptions {
  /**
   * The matrix C of the linear system: the Hessian (default); Gauss–Newton, which is positive
   * semidefinite and needs the cut between network and loss (`markOutput`, or `withOutput` under
   * compile); or g gᵀ, whose step is a closed form.
   */
  curvature?: 'hessian' | 'gauss-newton' | 'fisher-rank-one';
  /**
   * Solves the linear system. Default `cg({ tolerance: 1e-3, maxIterations: 10, best: 'energy' })`: cut
   * off early, the iterate of least energy still lowers the loss; that of least residual may not.
   */
  solver?: LinearSolver;
  /** Which parameters take the implicit step. Default all. */
  parameters?: ParameterChoice;
  /** What the others do: the explicit step of the same rate (default), or nothing. */
  others?: 'explicit' | 'frozen';
  /** How the learning rate changes from step to step. Default not at all. */
  schedule?: Schedule;
}

export const defaultSolver = cg({ tolerance: 1e-3, maxIterations: 10, best: 'energy' });

/** An optimizer's own state, in the form in which models save it. */
export type NamedWeights = Awaited<ReturnType<tf.Optimizer['getWeights']>>;

/** What the next step moves, and how far. */
export interface StepPlan {
  variables: NamedVariables;
  /** Names of those on which the loss must depend: the ones that were listed, or named. */
  required: readonly string[];
  /** Names of those that step implicitly. */
  block: string[];
  /** Names of those that move at all. */
  moving: string[];
  stepSize: number;
}

/** A step that is ready to be taken: `x⁺ = x − δ step`. */
export interface Proposal {
  step: NamedTensors;
  /** How the linear system was solved. */
  solved: Pick<Direction, 'products' | 'report' | 'dispose'>;
  /** Takes note that the step was taken: `sound` is 1, or 0 where a GPU has undone it. */
  accept?(sound: tf.Scalar): void;
  /** Frees what the step was made of. */
  free(): void;
}

/**
 * An optimizer whose step solves a linear system with the curvature of the loss: the life that all
 * of them share. What a step is, `propose` says.
 */
export abstract class ImplicitOptimizer<O extends ImplicitStepOptions> extends tf.Optimizer {
  readonly options: O;
  #learningRate: number;
  /** Where the implicit parameters stand among the variables; names change when a model is saved. */
  #places: readonly number[] | undefined;
  #last: Pick<PendingStats, 'read' | 'dispose'> | undefined;

  constructor(learningRate: number, options: O) {
    super();
    checkRate(learningRate);
    checkOptions(options);
    this.#learningRate = learningRate;
    this.options = options;
  }

  /** The step that follows from what was recorded. */
  protected abstract propose(recorded: Curvature, plan: StepPlan): Proposal;

  /** δ before its schedule. */
  get learningRate(): number {
    return this.#learningRate;
  }

  /** Changes δ from the next step on. */
  setLearningRate(learningRate: number): void {
    checkRate(learningRate);
    this.#learningRate = learningRate;
  }

  /**
   * Takes one step on the loss `f()`; returns the loss before it, if asked to.
   *
   * Synchronous, as `model.fit` needs it: nothing is read back from a GPU.
   *
   * @param varList the variables to move; by default all trainable ones that the loss depends on
   */
  override minimize(
    f: () => tf.Scalar,
    returnCost = false,
    varList?: tf.Variable[],
  ): tf.Scalar | null {
    const began = performance.now();
    const plan = this.plan(varList);
    const recorded = this.record(f, plan);
    let proposal: Proposal | undefined;
    let sound: tf.Scalar | undefined;
    try {
      const { value: loss, gradient } = recorded;
      checkFinite(loss, gradient);
      proposal = this.propose(recorded, plan);
      const { step, solved } = proposal;
      sound = move(plan.variables, { step, delta: plan.stepSize, loss, gradient });
      proposal.accept?.(sound);
      const known = {
        stepSize: plan.stepSize,
        products: solved.products,
        seconds: secondsSince(began),
      };
      this.remember(new PendingStats(loss, sound, solved, known));
      return returnCost ? (loss.clone() as tf.Scalar) : null;
    } catch (error) {
      proposal?.solved.dispose();
      throw error;
    } finally {
      tensors.free(sound);
      proposal?.free();
      recorded.dispose();
    }
  }

  /**
   * Takes one step on the loss `f()` and waits for its stats.
   *
   * @throws what `minimize` throws, and NotFiniteError also on a GPU; the weights are then as they
   *   were.
   */
  async step(f: () => tf.Scalar, varList?: tf.Variable[]): Promise<StepStats> {
    this.minimize(f, false, varList);
    return this.lastStep();
  }

  /**
   * The stats of the last step.
   *
   * @throws InputError before the first one; NotFiniteError for a step that was undone on a GPU.
   */
  async lastStep(): Promise<StepStats> {
    if (this.#last !== undefined) return this.#last.read();
    throw new InputError({
      given: 'lastStep() before any step',
      expected: 'a step to have been taken',
      remedy: 'Call minimize() or step() first.',
    });
  }

  /** Not to be had: the step needs the curvature, which gradients alone do not tell. */
  override applyGradients(): void {
    throw new UnsupportedError({
      given: 'applyGradients() on implicit gradient descent',
      expected: 'minimize(f) or step(f)',
      remedy: 'The step depends on the curvature of the loss, which the gradients do not hold.',
    });
  }

  /** Frees the stats of the last step; the optimizer can go on. */
  override dispose(): void {
    this.#last?.dispose();
    this.#last = undefined;
  }

  override async getWeights(): Promise<NamedWeights> {
    return [await this.saveIterations()];
  }

  override async setWeights(weights: NamedWeights): Promise<void> {
    await this.extractIterations(weights);
  }

  override getConfig(): tf.serialization.ConfigDict {
    return configOf(this.learningRate, this.options, this.#places);
  }

  static override fromConfig<T extends tf.serialization.Serializable>(
    cls: tf.serialization.SerializableConstructor<T>,
    config: tf.serialization.ConfigDict,
  ): T {
    return new cls(...fromConfig(config));
  }

  protected plan(varList: tf.Variable[] | undefined): StepPlan {
    const variables = trainable(varList);
    const names = Object.keys(variables);
    const { parameters } = this.options;
    const block = chosenParameters(parameters, names);
    const required = varList !== undefined ? names : Array.isArray(parameters) ? block : [];
    this.#places = block.map((name) => names.indexOf(name));
    const moving = this.options.others === 'frozen' ? block : names;
    const factor = this.options.schedule ? factorAt(this.options.schedule, this.iterations) : 1;
    return { variables, required, block, moving, stepSize: this.learningRate * factor };
  }

  protected record(f: () => tf.Scalar, { variables, required, block }: StepPlan): Curvature {
    const curvature = this.options.curvature === 'gauss-newton' ? 'gauss-newton' : 'hessian';
    const checked = () => {
      const loss = f();
      checkConnected(loss, variables, required);
      return loss;
    };
    return recordGradient(checked, variables, { curvature, block });
  }

  protected remember(stats: Pick<PendingStats, 'read' | 'dispose'>): void {
    this.#last?.dispose();
    this.#last = stats;
    this.incrementIterations();
  }
}

export const secondsSince = (began: number) => (performance.now() - began) / 1000;

function checkRate(learningRate: number): void {
  if (Number.isFinite(learningRate) && learningRate > 0) return;
  throw new InputError({
    given: `the learning rate ${learningRate}`,
    expected: 'a positive, finite number',
    remedy: 'Implicit steps bear larger rates than explicit ones; 0.1 is worth a try.',
  });
}

/** What TypeScript would refuse, refused also where nobody checks types. */
function checkOptions(options: ImplicitStepOptions): void {
  const { curvature = 'hessian', others = 'explicit', solver = defaultSolver } = options;
  if (typeof solver.solveDeferred !== 'function') {
    throw new InputError({
      given: `solver: ${typeof solver === 'string' ? `'${solver}'` : `a ${typeof solver}`}`,
      expected: 'a solver',
      remedy: 'Call one: solver: cg({ maxIterations: 20 }).',
    });
  }
  let given: string | undefined;
  let expected = '';
  if (!['hessian', 'gauss-newton', 'fisher-rank-one'].includes(curvature)) {
    given = `curvature: '${curvature}'`;
    expected = "'hessian', 'gauss-newton' or 'fisher-rank-one'";
  } else if (!['explicit', 'frozen'].includes(others)) {
    given = `others: '${others}'`;
    expected = "'explicit' or 'frozen'";
  }
  if (given === undefined) return;
  throw new InputError({ given, expected, remedy: 'Look for a spelling mistake.' });
}

/** The names of the options that every implicit optimizer has. */
const COMMON = ['curvature', 'solver', 'parameters', 'others', 'schedule'];

/** @throws InputError for an option that is neither common to all nor one of `own`. */
export function checkNames(options: ImplicitStepOptions, own: readonly string[]): void {
  checkOptionNames('an implicit optimizer', options, [...COMMON, ...own]);
}
