import * as tf from '@tensorflow/tfjs';
import type { Curvature } from '../autodiff';
import { InputError } from '../errors';
import { mapTensors, type NamedTensors, tensors } from '../spaces';
import { type AdamDirection, adamDirection } from './adam-direction';
import {
  checkNames,
  defaultSolver,
  ImplicitOptimizer,
  type ImplicitStepOptions,
  type NamedWeights,
  type Proposal,
  type StepPlan,
} from './implicit-optimizer';
import { KeptMoments, type Moments } from './moments';
import { pick } from './variables';

export interface ImplicitAdamOptions extends ImplicitStepOptions {
  /** β₁, how much of the average of gradients is kept. Default 0.9. */
  beta1?: number;
  /** β₂, how much of the average of their squares is kept. Default 0.999. */
  beta2?: number;
  /** ε > 0. Default 1e-7, as in TensorFlow.js. */
  epsilon?: number;
}

/**
 * Implicit Adam, as a drop-in `tf.Optimizer`: Adam's step and its momentum, both taken at the end.
 *
 * At step t, with step size δ, `v ← β₂v + (1 − β₂)g²`, `D = diag √(v / (1 − β₂ᵗ)) + ε` and
 * `k = 1/(1 − β₁ᵗ)`, the chosen parameters move by backward Euler in x and m, with D held:
 *
 *     x⁺ = x − δk D⁻¹ m⁺,   m⁺ = β₁m + (1 − β₁) ∇F(x⁺),
 *
 * the minimiser of `k(1 − β₁)F(y) + kβ₁mᵀy + ‖y − x‖²_D / 2δ`. Linearised at x, with the curvature C
 * and `m̃ = β₁m + (1 − β₁)g`, that is the system `(D + δk(1 − β₁)C)(x⁺ − x) = −δk m̃`, which is solved
 * with the preconditioner D. `residualNorm` of the stats is that of the scaled system.
 *
 * Where C = 0 it is Adam, bias correction included; with β₁ = 0 and D = I it is `implicitSGD`. With
 * D held it is stable on every convex quadratic for every δ, and forgets a stiff direction in one
 * step, where explicit Adam needs `δλ/d < 2(1 + β₁)/(1 − β₁)`. The parameters not chosen take Adam's
 * step from the same gradient, or stay.
 *
 * When not to use it: at rates that Adam bears, it takes the same steps for a product an iteration of
 * the solver more. Where the noise of the gradients, not the curvature, limits the rate, it damps
 * only what is stiff.
 *
 * @throws InputError for a learning rate or an ε that is not positive, a β outside [0, 1), an unknown
 *   parameter, or a variable on which the loss does not depend; NotFiniteError for a NaN loss or an
 *   overflowing step, with weights and moments as they were (on a GPU from `lastStep()`).
 * @see derived here; Adam is Kingma & Ba 2015, algorithm 1. Feeding Adam with an implicit
 * direction instead takes δ into account twice.
 */
export function implicitAdam(
  learningRate: number,
  options: ImplicitAdamOptions = {},
): ImplicitAdam {
  return new ImplicitAdam(learningRate, options);
}

/** See {@link implicitAdam}. */
export class ImplicitAdam extends ImplicitOptimizer<ImplicitAdamOptions> {
  static readonly className = 'ImplicitAdam';
  readonly #moments = new KeptMoments();

  constructor(learningRate: number, options: ImplicitAdamOptions = {}) {
    checkNames(options, ['beta1', 'beta2', 'epsilon']);
    checkNumbers(options);
    super(learningRate, options);
  }

  protected override propose(recorded: Curvature, { block, moving, stepSize }: StepPlan): Proposal {
    const { solver = defaultSolver, curvature, beta1 = 0.9 } = this.options;
    const correction = 1 / (1 - beta1 ** (this.iterations + 1));
    const gradient = pick(recorded.gradient, moving);
    const before = this.#moments.of(gradient);
    const { m, v, scale } = this.#explicit(gradient, before);

    const system = {
      curvature: recorded,
      gradient: pick(gradient, block),
      momentum: pick(m, block),
      scale: pick(scale, block),
      stepSize,
      beta1,
      correction,
    };
    let direction: AdamDirection;
    try {
      direction = adamDirection(system, curvature === 'fisher-rank-one' ? 'rank-one' : solver);
    } catch (error) {
      tensors.free([m, v, scale]);
      throw error;
    }
    const rest = moving.filter((name) => !block.includes(name));
    const explicit = tensors.tidy(() =>
      mapTensors(pick(m, rest), (value, name) => tf.div(tf.mul(correction, value), scale[name]!)),
    );
    const after: Moments = { m: { ...m, ...direction.momentum }, v };
    return {
      step: { ...explicit, ...direction.value },
      solved: direction,
      accept: (sound) => this.#moments.replace(chosen(sound, after, before)),
      free: () =>
        tensors.free([m, v, scale, explicit, direction.value, direction.momentum], this.#held()),
    };
  }

  /** Frees the moments and the stats of the last step; the next one starts anew. */
  override dispose(): void {
    super.dispose();
    this.#moments.dispose();
    this.iterations_ = 0;
  }

  override async getWeights(): Promise<NamedWeights> {
    return [...(await super.getWeights()), ...this.#moments.toWeights()];
  }

  override async setWeights(weights: NamedWeights): Promise<void> {
    this.#moments.fromWeights(await this.extractIterations(weights));
  }

  /** m̃, v and the diagonal of D, from the gradient alone. */
  #explicit(gradient: NamedTensors, before: Moments): Moments & { scale: NamedTensors } {
    const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-7 } = this.options;
    const whole = 1 - beta2 ** (this.iterations + 1);
    return tensors.tidy(() => {
      const m = mapTensors(gradient, (g, name) =>
        tf.add(tf.mul(beta1, before.m[name]!), tf.mul(1 - beta1, g)),
      );
      const v = mapTensors(gradient, (g, name) =>
        tf.add(tf.mul(beta2, before.v[name]!), tf.mul(1 - beta2, tf.square(g))),
      );
      const scale = mapTensors(v, (value) => tf.add(tf.sqrt(tf.div(value, whole)), epsilon));
      return { m, v, scale };
    });
  }

  /** What the optimizer goes on to hold. */
  #held(): tf.Tensor[] {
    return this.#moments.toWeights().map(({ tensor }) => tensor);
  }
}

tf.serialization.registerClass(ImplicitAdam);

/** The new moments, or, where a GPU has undone the step, the old ones. */
function chosen(sound: tf.Scalar, after: Moments, before: Moments): Moments {
  if (tensors.readableNow()) return after;
  return tensors.tidy(() => ({
    m: tensors.select(sound, after.m, before.m),
    v: tensors.select(sound, after.v, before.v),
  }));
}

function checkNumbers({ beta1 = 0.9, beta2 = 0.999, epsilon = 1e-7 }: ImplicitAdamOptions): void {
  for (const [name, beta] of Object.entries({ beta1, beta2 })) {
    if (beta >= 0 && beta < 1) continue;
    throw new InputError({
      given: `${name}: ${beta}`,
      expected: 'a number of at least 0 and below 1',
      remedy: 'The usual values are beta1: 0.9 and beta2: 0.999.',
    });
  }
  if (epsilon > 0 && epsilon < Number.POSITIVE_INFINITY) return;
  throw new InputError({
    given: `epsilon: ${epsilon}`,
    expected: 'a positive, finite number',
    remedy: 'It keeps the step from a division by 0; the usual value is 1e-7.',
  });
}
