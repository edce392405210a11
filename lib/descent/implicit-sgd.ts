import * as tf from '@tensorflow/tfjs';
import { auxiliaryNumbers, type Curvature } from '../autodiff';
import { InputError } from '../errors';
import { finish } from '../event-loop';
import { checkNoMore, checkOptionNames, phrase, shown } from '../options';
import { type LinearSolver, supportsInnerProduct } from '../solvers';
import { tensors } from '../spaces';
import { type Asking, partOf } from './asking';
import {
  type BatchOptions,
  checkBatchOptions,
  checkedLoss,
  type Loss,
  lossesOf,
  meanLoss,
  type Tapes,
  type WeightedLosses,
  weighted,
} from './batches';
import { exactStep } from './exact-step';
import { ImplicitOptimizer } from './implicit-optimizer';
import {
  type Direction,
  directionInRowSpace,
  linearisedDirection,
  rankOneDirection,
} from './implicit-step';
import { checkProximal } from './proximal';
import type { ProximalOptions } from './proximal-types';
import type { AutoRate } from './rate';
import { defineSettings } from './settings';
import { type StepStats, secondsSince } from './stats';
import { checkStepOptions, type ImplicitStepOptions, optionNames } from './step-options';
import type { Proposal, StepGradient, StepPlan } from './step-parts';
import { checkUnmoved, pick } from './variables';

export interface ImplicitSgdOptions extends ImplicitStepOptions {
  /**
   * Go on until `x⁺ = x − δ∇F(x⁺)` itself holds, not its linearisation at x: stable for every
   * convex F, where the linearised step is so only for quadratics. For `await optimizer.step(f)`,
   * since f is evaluated several times. A record sets how well it is to hold, and how many Newton
   * steps that may take; its defaults are those of `proximalStep`. Default false.
   */
  exact?: boolean | Pick<ProximalOptions, 'tolerance' | 'maxIterations'>;
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
 * With `'auto'` as the learning rate δ is found, as a trust region from `initial` on: by the ratio of
 * what the loss of the batch fell by to what the model of the step promised, and by the slope that
 * the next batch leaves (see `trust-region.ts`). The ratio is measured in all of the first steps and in one of
 * four or more later, which costs 0.1 to 0.3 of a gradient per step. A step that is measured is not taken where
 * the loss is no lower at its end, or where it is nearly Newton's and gains less than half of what was
 * promised; weights stay, δ falls, and `taken` of the stats is false.
 *
 * `minimize` evaluates its function exactly once, and every product runs along that evaluation.
 * `clipNorm` and `clipValue` clip the gradient, before the system is solved: a bound then means what
 * it means for plain gradient descent. Where C has no negative curvature, `(I + δC)⁻¹` lengthens no
 * vector, so the step is no longer than `δ · clipNorm`; and since the solve is linear,
 * clipping by norm only shortens the step.
 *
 * A Krylov solver without a preconditioner works in the rows of the batch where these are fewer than
 * a dense layer's inputs (`Curvature.rowSpace`): the same step for a part of the price.
 * When not to use it: where a plain step is stable at the rate you want, it costs one product per
 * iteration of the solver and gains nothing.
 *
 * @throws InputError for a learning rate that is not positive, for `parameters` that are unknown or on which the
 *   loss does not depend, and for a loss that depends on none of the variables; NotFiniteError for a NaN loss
 *   or an overflowing step, with the weights as they were (on a GPU from `lastStep()`).
 * @see Toulis & Airoldi, [Asymptotic and finite-sample properties of estimators based on stochastic
 *   gradients](https://doi.org/10.1214/16-AOS1506), Annals of Statistics 45(4), 2017; Hairer &
 *   Wanner, [Solving Ordinary Differential Equations
 *   II](https://doi.org/10.1007/978-3-642-05221-7), §IV.7.
 */
export function implicitSGD(learningRate: AutoRate, options: ImplicitSgdOptions = {}): ImplicitSGD {
  checkNoMore('implicitSGD', arguments, 2);
  return new ImplicitSGD(learningRate, options);
}

/** See {@link implicitSGD}. */
export class ImplicitSGD extends ImplicitOptimizer<ImplicitSgdOptions> {
  static readonly className = 'ImplicitSGD';

  constructor(learningRate: AutoRate, options: ImplicitSgdOptions = {}) {
    super(learningRate, options, checkSgdOptions, 1);
    checkNoMore('ImplicitSGD', arguments, 2);
  }

  override minimize(
    f: () => tf.Scalar,
    returnCost = false,
    varList?: tf.Variable[],
  ): tf.Scalar | null {
    checkNoMore('minimize()', arguments, 3);
    if (!this.options.exact) return super.minimize(f, returnCost, varList);
    checkedLoss(f);
    throw new InputError({
      given: 'minimize() of an optimizer with exact: true',
      expected: 'await optimizer.step(f)',
      remedy: 'An exact step evaluates f several times and waits for numbers in between.',
    });
  }

  /** As for every implicit optimizer; with `exact`, the exact step, after those asked for before. */
  override async step(
    f: Loss | readonly Loss[],
    varList?: tf.Variable[],
    options: BatchOptions = {},
  ): Promise<StepStats> {
    checkNoMore('step()', arguments, 3);
    if (!this.options.exact) return super.step(f, varList, options);
    const { weights, tapes, curvature } = checkBatchOptions(options);
    if (curvature) {
      throw new InputError({
        given: `curvature: ${phrase(curvature)} in step(), of an optimizer with exact: ${phrase(this.options.exact)}`,
        expected: 'a loss for the curvature without exact steps, or exact steps without it',
        remedy: 'An exact step asks for the curvature of the loss itself, again and again.',
      });
    }
    const losses = weighted(lossesOf(f), weights);
    return this.inTurn(() => this.#exactStep(losses, varList, tapes));
  }

  async #exactStep(
    losses: WeightedLosses,
    varList?: tf.Variable[],
    tapes?: Tapes,
  ): Promise<StepStats> {
    const { exact } = this.options;
    const solver = this.solverNow;
    const draft = this.draft(varList);
    const record = () => this.record(losses, draft, tapes);
    const { recorded, plan, before, auxiliary, began } = await finish(record());
    try {
      checkUnmoved(plan.variables, before, 'an exact step');
      const report = await exactStep({
        variables: plan.variables,
        block: plan.block,
        stepSize: plan.stepSize,
        loss: () => meanLoss(losses),
        *record() {
          const { recorded, auxiliary } = yield* record();
          tensors.free(auxiliary);
          return recorded;
        },
        first: recorded,
        solver,
        ...(typeof exact === 'object' && exact),
      });
      const marked = await auxiliaryNumbers(auxiliary);
      const stats: StepStats = {
        ...report,
        execution: 'interpreted',
        stepSize: plan.stepSize,
        seconds: secondsSince(began),
        ...(Object.keys(marked).length > 0 && { auxiliary: marked }),
      };
      this.remember({ read: async () => stats, dispose() {} }, plan);
      return stats;
    } finally {
      recorded.dispose();
      tensors.free(auxiliary);
    }
  }

  /** An exact step solves one system after the other, by whatever its solver makes use of. */
  protected override needsProductsAlone(): boolean {
    return !this.options.exact && super.needsProductsAlone();
  }

  protected override *propose(
    recorded: Curvature,
    { block, stepSize }: StepPlan,
    seen: StepGradient,
  ): Asking<Proposal> {
    const { curvature } = this.options;
    const g = pick(seen.gradient, block);
    const direction =
      curvature === 'fisher-rank-one'
        ? rankOneDirection(pick(recorded.gradient, block), stepSize, g)
        : yield* this.#direction(recorded, stepSize, seen, block);
    return {
      step: { ...seen.gradient, ...direction.value },
      objective: { pull: seen.gradient },
      solved: direction,
      free: () => tensors.free(direction.value),
    };
  }

  *#direction(
    recorded: Curvature,
    stepSize: number,
    seen: StepGradient,
    block: readonly string[],
  ): Asking<Direction> {
    const solver = this.solverNow;
    if (this.options.preconditioner) {
      const like = pick(seen.gradient, block);
      const system = { delta: stepSize, like, factors: recorded.cut };
      const by = yield* partOf(this.solverOf(system));
      return yield* linearisedDirection(recorded, like, stepSize, by);
    }
    const space = supportsInnerProduct(solver)
      ? yield* partOf(seen.rowSpace(mostProducts(solver)))
      : undefined;
    return yield* space === undefined
      ? linearisedDirection(recorded, pick(seen.gradient, block), stepSize, solver)
      : directionInRowSpace(space.rows, stepSize, solver, space.factor);
  }
}

/** How many products a solver may make. */
const mostProducts = (solver: LinearSolver): number =>
  'maxIterations' in solver ? Number(solver.maxIterations) : Number.POSITIVE_INFINITY;

const names = optionNames(['exact']);
defineSettings(ImplicitSGD.prototype, names);

function checkSgdOptions(options: ImplicitSgdOptions): void {
  checkStepOptions(options, names);
  const { exact = false, clipNorm, clipValue } = options;
  if (typeof exact !== 'boolean' && (typeof exact !== 'object' || exact === null)) {
    throw new InputError({
      given: `exact: ${phrase(exact)}`,
      expected: 'true, false or { tolerance, maxIterations }',
      remedy: 'exact: { tolerance: 1e-6 } makes the step more exact than the default.',
    });
  }
  if (typeof exact === 'object') {
    checkOptionNames('an exact step', exact, ['tolerance', 'maxIterations']);
    checkProximal(1, exact);
  }
  if (exact !== false && (clipNorm ?? clipValue) !== undefined) {
    throw new InputError({
      given: `${clipNorm === undefined ? `clipValue: ${shown(clipValue)}` : `clipNorm: ${shown(clipNorm)}`} with exact: ${phrase(exact)}`,
      expected: 'clipped gradients without exact steps, or exact steps without clipping',
      remedy: 'An exact step solves for the gradient where it ends; bound it by its rate.',
    });
  }
}

tf.serialization.registerClass(ImplicitSGD);
