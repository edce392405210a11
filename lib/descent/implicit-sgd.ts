import * as tf from '@tensorflow/tfjs';
import { type Curvature, recordGradient } from '../autodiff';
import { InputError, UnsupportedError } from '../errors';
import { cg, type LinearSolver } from '../solvers';
import { type NamedTensors, tensors } from '../spaces';
import { configOf, fromConfig } from './config';
import { exactStep } from './exact-step';
import { type Direction, linearisedDirection, rankOneDirection } from './implicit-step';
import { chosenParameters, type ParameterChoice } from './parameters';
import { factorAt, type Schedule } from './schedule';
import { PendingStats, type StepStats } from './stats';
import { checkFinite, move, type NamedVariables, pick, trainable } from './variables';

export interface ImplicitSgdOptions {
  /**
   * The matrix C of the step `(I + δC)⁻¹ g`: the Hessian (default); Gauss–Newton, which is positive
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
  /** What the others do: a plain gradient step of the same size (default), or nothing. */
  others?: 'explicit' | 'frozen';
  /** How the learning rate changes from step to step. Default not at all. */
  schedule?: Schedule;
  /**
   * Go on until `x⁺ = x − δ∇F(x⁺)` itself holds, not its linearisation at x: stable for every
   * convex F, where the linearised step is so only for quadratics. For `await optimizer.step(f)`,
   * since f is evaluated several times. Default false.
   */
  exact?: boolean;
}

/** The optimizer's own state, in the form in which models save it. */
type NamedWeights = Awaited<ReturnType<tf.Optimizer['getWeights']>>;

const defaultSolver = cg({ tolerance: 1e-3, maxIterations: 10, best: 'energy' });

/**
 * Implicit gradient descent, as a drop-in `tf.Optimizer`.
 *
 * With step size δ, gradient g and curvature C at x, the chosen parameters move by
 *
 *     x⁺ = x − δ (I + δC)⁻¹ g,
 *
 * which is the backward Euler step of the gradient flow, linearised at x. For δ → 0 it is gradient
 * descent, for δ → ∞ Newton's method. On a convex quadratic the loss falls for every δ, however few
 * iterations CG is given; elsewhere the linearisation promises nothing far from
 * x: see `exact`. The parameters not chosen take `x⁺ = x − δ g` from the same gradient, or stay.
 *
 * `minimize` evaluates its function exactly once, and every product runs along that evaluation.
 * When not to use it: where a plain step is stable at the rate you want, it costs one product an
 * iteration of the solver and gains nothing.
 *
 * @throws InputError for a learning rate that is not positive or an unknown parameter;
 *   NotFiniteError for a NaN loss or an overflowing step, with the weights as they were (on a GPU
 *   from `lastStep()`).
 * Source: Toulis & Airoldi, Asymptotic and finite-sample properties of estimators based on
 * stochastic gradients, Ann. Stat. 45(4), 2017, §1; Hairer & Wanner, Solving ODEs II, §IV.7.
 */
export function implicitSGD(learningRate: number, options: ImplicitSgdOptions = {}): ImplicitSGD {
  return new ImplicitSGD(learningRate, options);
}

/** See {@link implicitSGD}. */
export class ImplicitSGD extends tf.Optimizer {
  static readonly className = 'ImplicitSGD';
  readonly options: ImplicitSgdOptions;
  #learningRate: number;
  /** Where the implicit parameters stand among the variables; names change when a model is saved. */
  #places: readonly number[] | undefined;
  #last: Pick<PendingStats, 'read' | 'dispose'> | undefined;

  constructor(learningRate: number, options: ImplicitSgdOptions = {}) {
    super();
    checkRate(learningRate);
    checkOptions(options);
    this.#learningRate = learningRate;
    this.options = options;
  }

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
   */
  override minimize(
    f: () => tf.Scalar,
    returnCost = false,
    varList?: tf.Variable[],
  ): tf.Scalar | null {
    if (this.options.exact) throw exactNeedsStep();
    const began = performance.now();
    const { variables, block, stepSize } = this.#plan(varList);
    const recorded = this.#record(f, variables, block);
    let direction: Direction | undefined;
    try {
      const { value: loss, gradient } = recorded;
      checkFinite(loss, gradient);
      direction = this.#direction(recorded, pick(gradient, block), stepSize);
      const step =
        this.options.others === 'frozen' ? direction.value : { ...gradient, ...direction.value };
      const sound = move(variables, step, loss, stepSize);
      const known = { stepSize, products: direction.products, seconds: secondsSince(began) };
      this.#remember(new PendingStats(loss, sound, direction, known));
      tensors.free(sound);
      return returnCost ? (loss.clone() as tf.Scalar) : null;
    } catch (error) {
      direction?.dispose();
      throw error;
    } finally {
      tensors.free(direction?.value);
      recorded.dispose();
    }
  }

  /**
   * Takes one step on the loss `f()` and waits for its stats; with `exact`, the exact step.
   *
   * @throws what `minimize` throws, and NotFiniteError also on a GPU; the weights are then as they
   *   were.
   */
  async step(f: () => tf.Scalar, varList?: tf.Variable[]): Promise<StepStats> {
    if (!this.options.exact) {
      this.minimize(f, false, varList);
      return this.lastStep();
    }
    const began = performance.now();
    const { variables, block, stepSize } = this.#plan(varList);
    const report = await exactStep({
      loss: f,
      record: () => this.#record(f, variables, block),
      variables,
      block,
      others: this.options.others ?? 'explicit',
      stepSize,
      solver: this.options.solver ?? defaultSolver,
    });
    const stats = { ...report, stepSize, seconds: secondsSince(began) };
    this.#remember({ read: async () => stats, dispose() {} });
    return stats;
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

  /** What the next step moves, and how far. */
  #plan(varList: tf.Variable[] | undefined) {
    const variables = trainable(varList);
    const names = Object.keys(variables);
    const block = chosenParameters(this.options.parameters, names);
    this.#places = block.map((name) => names.indexOf(name));
    const factor = this.options.schedule ? factorAt(this.options.schedule, this.iterations) : 1;
    return { variables, block, stepSize: this.learningRate * factor };
  }

  #record(f: () => tf.Scalar, variables: NamedVariables, block: string[]): Curvature {
    const curvature = this.options.curvature === 'gauss-newton' ? 'gauss-newton' : 'hessian';
    return recordGradient(f, variables, { curvature, block });
  }

  #direction(C: Curvature, g: NamedTensors, stepSize: number): Direction {
    return this.options.curvature === 'fisher-rank-one'
      ? rankOneDirection(g, stepSize)
      : linearisedDirection(C, g, stepSize, this.options.solver ?? defaultSolver);
  }

  #remember(stats: Pick<PendingStats, 'read' | 'dispose'>): void {
    this.#last?.dispose();
    this.#last = stats;
    this.incrementIterations();
  }
}

tf.serialization.registerClass(ImplicitSGD);

const secondsSince = (began: number) => (performance.now() - began) / 1000;

function checkRate(learningRate: number): void {
  if (Number.isFinite(learningRate) && learningRate > 0) return;
  throw new InputError({
    given: `the learning rate ${learningRate}`,
    expected: 'a positive, finite number',
    remedy: 'Implicit steps bear large rates: 0.1, 1 and 10 are all worth a try.',
  });
}

/** What TypeScript would refuse, refused also where nobody checks types. */
function checkOptions(options: ImplicitSgdOptions): void {
  const known = ['curvature', 'solver', 'parameters', 'others', 'schedule', 'exact'];
  const unknown = Object.keys(options).find((name) => !known.includes(name));
  const { curvature = 'hessian', others = 'explicit' } = options;
  let given: string | undefined;
  let expected = '';
  if (unknown !== undefined) {
    given = `the option '${unknown}'`;
    expected = `options among ${known.join(', ')}`;
  } else if (!['hessian', 'gauss-newton', 'fisher-rank-one'].includes(curvature)) {
    given = `curvature: '${curvature}'`;
    expected = "'hessian', 'gauss-newton' or 'fisher-rank-one'";
  } else if (!['explicit', 'frozen'].includes(others)) {
    given = `others: '${others}'`;
    expected = "'explicit' or 'frozen'";
  }
  if (given === undefined) return;
  throw new InputError({ given, expected, remedy: 'Look for a spelling mistake.' });
}

const exactNeedsStep = () =>
  new InputError({
    given: 'minimize() of an optimizer with exact: true',
    expected: 'await optimizer.step(f)',
    remedy: 'An exact step evaluates f several times and waits for numbers in between.',
  });
