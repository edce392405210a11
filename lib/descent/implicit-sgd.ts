import * as tf from '@tensorflow/tfjs';
import type { Curvature } from '../autodiff';
import { InputError } from '../errors';
import { heedsSpace, type LinearSolver } from '../solvers';
import { type NamedTensors, tensors } from '../spaces';
import { exactStep } from './exact-step';
import {
  checkNames,
  defaultSolver,
  ImplicitOptimizer,
  type ImplicitStepOptions,
  type Proposal,
  type StepPlan,
  secondsSince,
} from './implicit-optimizer';
import {
  type Direction,
  directionInRowSpace,
  linearisedDirection,
  rankOneDirection,
} from './implicit-step';
import type { StepStats } from './stats';
import { pick } from './variables';

export interface ImplicitSgdOptions extends ImplicitStepOptions {
  /**
   * Go on until `x⁺ = x − δ∇F(x⁺)` itself holds, not its linearisation at x: stable for every
   * convex F, where the linearised step is so only for quadratics. For `await optimizer.step(f)`,
   * since f is evaluated several times. Default false.
   */
  exact?: boolean;
}

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
 * A Krylov solver without a preconditioner works in the rows of the batch where these are fewer than
 * a dense layer's inputs (`Curvature.rowSpace`): the same step for a part of the price.
 * When not to use it: where a plain step is stable at the rate you want, it costs one product an
 * iteration of the solver and gains nothing.
 *
 * @throws InputError for a learning rate that is not positive, an unknown parameter, or a variable
 *   on which the loss does not depend; NotFiniteError for a NaN loss or an overflowing step, with
 *   the weights as they were (on a GPU from `lastStep()`).
 * @see Toulis & Airoldi, Asymptotic and finite-sample properties of estimators based on
 * stochastic gradients, Ann. Stat. 45(4), 2017, §1; Hairer & Wanner, Solving ODEs II, §IV.7.
 */
export function implicitSGD(learningRate: number, options: ImplicitSgdOptions = {}): ImplicitSGD {
  return new ImplicitSGD(learningRate, options);
}

/** See {@link implicitSGD}. */
export class ImplicitSGD extends ImplicitOptimizer<ImplicitSgdOptions> {
  static readonly className = 'ImplicitSGD';
  /** The exact step under way, if any: the next one begins where it ends. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(learningRate: number, options: ImplicitSgdOptions = {}) {
    checkNames(options, ['exact']);
    super(learningRate, options);
  }

  override minimize(
    f: () => tf.Scalar,
    returnCost = false,
    varList?: tf.Variable[],
  ): tf.Scalar | null {
    if (!this.options.exact) return super.minimize(f, returnCost, varList);
    throw new InputError({
      given: 'minimize() of an optimizer with exact: true',
      expected: 'await optimizer.step(f)',
      remedy: 'An exact step evaluates f several times and waits for numbers in between.',
    });
  }

  /** As for every implicit optimizer; with `exact`, the exact step, after those asked for before. */
  override async step(f: () => tf.Scalar, varList?: tf.Variable[]): Promise<StepStats> {
    if (!this.options.exact) return super.step(f, varList);
    const step = this.#turn.then(() => this.#exactStep(f, varList));
    this.#turn = step.catch(() => {});
    return step;
  }

  async #exactStep(f: () => tf.Scalar, varList?: tf.Variable[]): Promise<StepStats> {
    const began = performance.now();
    const plan = this.plan(varList);
    const report = await exactStep({
      ...plan,
      loss: f,
      record: () => this.record(f, plan),
      solver: this.options.solver ?? defaultSolver,
    });
    const stats = { ...report, stepSize: plan.stepSize, seconds: secondsSince(began) };
    this.remember({ read: async () => stats, dispose() {} });
    return stats;
  }

  protected override propose(recorded: Curvature, { block, moving, stepSize }: StepPlan): Proposal {
    const { solver = defaultSolver, curvature } = this.options;
    const g = pick(recorded.gradient, block);
    const direction =
      curvature === 'fisher-rank-one'
        ? rankOneDirection(g, stepSize)
        : implicitDirection(recorded, g, stepSize, solver);
    return {
      step: { ...pick(recorded.gradient, moving), ...direction.value },
      solved: direction,
      free: () => tensors.free(direction.value),
    };
  }
}

function implicitDirection(
  recorded: Curvature,
  g: NamedTensors,
  stepSize: number,
  solver: LinearSolver,
): Direction {
  const rows = heedsSpace(solver) ? recorded.rowSpace() : undefined;
  return rows === undefined
    ? linearisedDirection(recorded, g, stepSize, solver)
    : directionInRowSpace(rows, stepSize, solver);
}

tf.serialization.registerClass(ImplicitSGD);
