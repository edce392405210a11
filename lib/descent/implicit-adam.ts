import * as tf from '@tensorflow/tfjs';
import { apply, type Curvature, entrywise, type Formula, number, vector } from '../autodiff';
import { InputError } from '../errors';
import { checkNoMore, shown } from '../options';
import { mapTensors, type NamedTensors, tensors } from '../spaces';
import { type AdamDirection, adamDirection } from './adam-direction';
import type { Asking } from './asking';
import { ImplicitOptimizer } from './implicit-optimizer';
import { KeptMoments, type Moments, type StartingMoments } from './moments';
import type { SystemToSolve } from './preconditioned';
import type { AutoRate } from './rate';
import type { Moment, SavedState } from './saved-state';
import { defineSettings } from './settings';
import { checkStepOptions, type ImplicitStepOptions, optionNames } from './step-options';
import type { Proposal, StepGradient, StepPlan } from './step-parts';
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
 * At a parameter's t-th step, with step size δ, `v ← β₂v + (1 − β₂)g²`,
 * `D = (1 − β₁ᵗ)(diag √(v / (1 − β₂ᵗ)) + ε)`, and the chosen parameters move by backward Euler in x
 * and m, with D held:
 *
 *     x⁺ = x − δ D⁻¹ m⁺,   m⁺ = β₁m + (1 − β₁) ∇F(x⁺),
 *
 * the minimiser of `(1 − β₁)F(y) + β₁mᵀy + ‖y − x‖²_D / 2δ`. Linearised at x, with the curvature C
 * and `m̃ = β₁m + (1 − β₁)g`, that is the system `(D + δ(1 − β₁)C)(x⁺ − x) = −δ m̃`, which is solved
 * with the preconditioner D. `residualNorm` of the stats is that of the scaled system.
 *
 * Where C = 0 it is Adam, bias correction included; with β₁ = 0 and D = I it is `implicitSGD`. With
 * D held it is stable on every convex quadratic for every δ, and forgets a stiff direction in one
 * step, where explicit Adam needs `δλ/d < 2(1 + β₁)/(1 − β₁)`. The parameters not chosen take Adam's
 * step from the same gradient, or stay.
 *
 * With `'auto'` as the learning rate δ is found, as by `implicitSGD`, from 0.01 on unless `initial` says
 * otherwise; what is to fall is `(1 − β₁)F(y) + β₁mᵀy`, and a step that is not taken leaves the moments as they
 * were too. Where δ rises to δ⁺, m is first multiplied by δ/δ⁺, so that what it carries on is the last
 * displacement.
 *
 * `preconditioner: kronecker()` takes the factors of `D^{−½} C D^{−½}`, without the factor `1 − β₁ᵗ` of D: they
 * serve for as many steps as D changes little in.
 *
 * Moments belong to a variable, not to its name: a second model, or a variable made again, starts
 * from its own first step. `clipNorm` and `clipValue` clip the gradient g that the moments average.
 *
 * v holds squares: where gradients are below about 1e-21 it is 0 and D is ε, as in every Adam in float32;
 * above about 1e19 the step is refused.
 *
 * When not to use it: at rates far below those where Adam becomes unstable it takes nearly the same steps, for
 * one product per iteration of the solver more. Where the noise of the gradients, not the curvature, limits
 * the rate, it damps only what is stiff.
 *
 * @throws InputError for a learning rate or an ε that is not positive, a β outside [0, 1), `parameters`
 *   that are unknown or on which the loss does not depend, and for a loss that depends on none of the variables;
 *   NotFiniteError for a NaN loss or an overflowing step, with weights and moments as they were (on a GPU from
 *   `lastStep()`).
 * @see derived here; Adam is Kingma & Ba, [Adam: a method for stochastic
 *   optimization](https://arxiv.org/abs/1412.6980), 2015, algorithm 1. Feeding Adam with an
 *   implicit direction instead solves in the metric I where D belongs, and divides away most of
 *   what it gained.
 */
export function implicitAdam(
  learningRate: AutoRate,
  options: ImplicitAdamOptions = {},
): ImplicitAdam {
  checkNoMore('implicitAdam', arguments, 2);
  return new ImplicitAdam(learningRate, options);
}

/**
 * The first δ of `'auto'`, which no weight moves by much more than in that step: in one from 1, sigmoids of
 * deep networks may saturate for good.
 */
const FIRST = 0.01;

/** See {@link implicitAdam}. */
export class ImplicitAdam extends ImplicitOptimizer<ImplicitAdamOptions> {
  static readonly className = 'ImplicitAdam';
  readonly #moments = new KeptMoments();

  constructor(learningRate: AutoRate, options: ImplicitAdamOptions = {}) {
    super(learningRate, options, checkAdamOptions, FIRST);
    checkNoMore('ImplicitAdam', arguments, 2);
  }

  protected override *propose(
    recorded: Curvature,
    { variables, block, moving, stepSize, carried = 1 }: StepPlan,
    { gradient }: StepGradient,
  ): Asking<Proposal> {
    const { curvature, beta1 = 0.9 } = this.options;
    const before = this.#moments.of(variables);
    const { m, v, scale } = this.#explicit(gradient, before, carried);

    const system = {
      curvature: recorded,
      gradient: pick(recorded.gradient, block),
      momentum: pick(m, block),
      scale: pick(scale, block),
      stepSize,
      beta1,
    };
    let direction: AdamDirection;
    try {
      const bias = 1 - beta1 ** (1 + Math.min(...Object.values(before.steps)));
      const by =
        curvature === 'fisher-rank-one'
          ? 'rank-one'
          : (scaled: SystemToSolve) => this.solverOf(withoutBias(scaled, bias));
      direction = yield* adamDirection(system, by);
    } catch (error) {
      tensors.free([m, v, scale, before.fresh]);
      throw error;
    }
    const rest = moving.filter((name) => !block.includes(name));
    const explicit = tensors.tidy(() =>
      mapTensors(pick(m, rest), (value, name) => tf.div(value, scale[name]!)),
    );
    const after: Moments = { m: { ...m, ...direction.momentum }, v };
    return {
      step: { ...explicit, ...direction.value },
      memory: [after.m, after.v],
      // What the step lowers has the share 1 − β₁ of the loss, and the momentum, which is linear.
      objective: {
        ...{ pull: m, weighed: after.m, share: 1 - beta1 },
        scale: 1 - beta1 ** (1 + Math.min(...Object.values(before.steps))),
      },
      solved: direction,
      accept: (sound) => this.#moments.replace(variables, chosen(sound, after, before), before),
      undone: () => this.#moments.uncount(variables),
      free: () =>
        tensors.free(
          [m, v, scale, explicit, direction.value, direction.momentum, before.fresh],
          this.#moments.list(),
        ),
    };
  }

  override dispose(): void {
    super.dispose();
    this.#moments.dispose();
  }

  protected override kept(): readonly Moment[] {
    return this.#moments.list();
  }

  protected override restore({ iterations, moments }: SavedState): void {
    this.#moments.restore(moments);
    this.iterations_ = iterations;
  }

  /** m̃, v and the diagonal of D, from the gradient alone. */
  #explicit(
    gradient: NamedTensors,
    { m, v, steps }: StartingMoments,
    carried: number,
  ): Moments & { scale: NamedTensors } {
    const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-7 } = this.options;
    const scale: NamedTensors = {};
    const after: Moments = { m: {}, v: {} };
    for (const [name, g] of Object.entries(gradient)) {
      const t = steps[name]! + 1;
      const [bias1, bias2] = [1 - beta1 ** t, 1 - beta2 ** t];
      const numbers = [beta1 * carried, 1 - beta1, beta2, 1 - beta2, bias1, bias2, epsilon];
      const made = entrywise(momentsAndScale, [g, m[name]!, v[name]!], numbers);
      [after.m[name], after.v[name], scale[name]] = made as [tf.Tensor, tf.Tensor, tf.Tensor];
    }
    return { ...after, scale };
  }
}

/** m̃, v and D of g, m and v. */
const momentsAndScale = (() => {
  const [g, m, v] = [vector(0), vector(1), vector(2)];
  const mean = (kept: number, old: Formula, fresh: Formula) =>
    apply('add', apply('multiply', number(kept), old), apply('multiply', number(kept + 1), fresh));
  const second = mean(2, v, apply('multiply', g, g));
  const root = apply('root', apply('quotient', second, number(5)));
  const scale = apply('multiply', number(4), apply('add', root, number(6)));
  return [mean(0, m, g), second, scale];
})();

const root = (x: number) => tensors.scalars.of(Math.sqrt(x));

const names = optionNames(['beta1', 'beta2', 'epsilon']);
defineSettings(ImplicitAdam.prototype, names);

tf.serialization.registerClass(ImplicitAdam);

/**
 * The same system with C scaled by the D of averages that are not corrected for their beginning: the factor
 * `1 − β₁ᵗ` grows tenfold within the first steps, and factors of C that are kept would be of another metric.
 */
const withoutBias = ({ delta, factors, like }: SystemToSolve, bias: number): SystemToSolve => ({
  delta: delta / bias,
  like,
  factors: factors && {
    jvp: (v) => tensors.tidy(() => tensors.scale(root(bias), factors.jvp(v))),
    vjp: (u) => tensors.tidy(() => tensors.scale(root(bias), factors.vjp(u))),
    middle: factors.middle,
    get outputs() {
      return factors.outputs;
    },
  },
});

/** The new moments, or, where a GPU has undone the step, the old ones. */
function chosen(sound: tf.Scalar, after: Moments, before: Moments): Moments {
  if (tensors.readableNow()) return after;
  return tensors.tidy(() => ({
    m: tensors.select(sound, after.m, before.m),
    v: tensors.select(sound, after.v, before.v),
  }));
}

function checkAdamOptions(options: ImplicitAdamOptions): void {
  checkStepOptions(options, names);
  const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-7 } = options;
  for (const [name, beta] of Object.entries({ beta1, beta2 })) {
    if (Number.isFinite(beta) && beta >= 0 && beta < 1) continue;
    throw new InputError({
      given: `${name}: ${shown(beta)}`,
      expected: 'a number of at least 0 and below 1',
      remedy: 'The usual values are beta1: 0.9 and beta2: 0.999.',
    });
  }
  if (Number.isFinite(epsilon) && epsilon > 0) return;
  throw new InputError({
    given: `epsilon: ${shown(epsilon)}`,
    expected: 'a positive, finite number',
    remedy: 'It keeps the step from a division by 0; the usual value is 1e-7.',
  });
}
