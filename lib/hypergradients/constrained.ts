import * as tf from '@tensorflow/tfjs';
import { valueAndGradient } from '../autodiff';
import type { Constraint } from '../constraints';
import { InputError } from '../errors';
import { checkFunction, checkMethods, checkOptionNames, shown } from '../options';
import type { NamedTensors } from '../spaces';
import type { Optimality } from './argmin-options';

/**
 * The optimality of a minimum on a convex set, as a fixed point of projected gradient descent:
 * `F(x, θ) = x − P(x − η ∇f(x, θ))`, for `argmin` and `attach`.
 *
 * It is 0 exactly at the minimisers of a convex f on the set, whatever η > 0 is. Its derivative exists
 * where no entry is on a bound with a gradient of 0 (strict complementarity).
 *
 * @param constraint `box(…)`, `simplex(…)`, `ball(…)`, or a function of the θs that makes one, where
 *   bounds depend on them
 * @param options `step`: η, near 1/L for a well-conditioned system. Default 1
 * @throws InputError for anything but a loss, a constraint and a step.
 * @see Blondel et al., [Efficient and modular implicit
 *   differentiation](https://arxiv.org/abs/2105.15183), 2022, §2.2.
 */
export function projectedStationarity(
  loss: (x: tf.Tensor, ...θ: tf.Tensor[]) => tf.Scalar,
  constraint: Constraint | ((...θ: tf.Tensor[]) => Constraint),
  options: { step?: number } = {},
): Optimality<tf.Tensor> {
  checkFunction(loss, 'the loss of projectedStationarity');
  if (typeof constraint !== 'function') checkConstraint(constraint);
  checkOptionNames('projectedStationarity', options, ['step']);
  const { step = 1 } = options;
  if (!(typeof step === 'number' && step > 0 && step < Number.POSITIVE_INFINITY)) {
    throw new InputError({
      given: `projectedStationarity(…, { step: ${shown(step)} })`,
      expected: 'a positive, finite number',
      remedy: 'Leave it out for 1.',
    });
  }
  return (x, ...θ) => {
    const set = typeof constraint === 'function' ? constraint(...θ) : constraint;
    checkConstraint(set);
    const { x: gradient } = valueAndGradient(({ x }) => loss(x!, ...θ), { x }).gradient;
    return tf.sub(x, set.project(tf.sub(x, tf.mul(step, gradient!))));
  };
}

/** A problem with constraints: minimise `f(x, θ)` where `h(x, θ) = 0` and `g(x, θ) ≤ 0`. */
export interface ConstrainedProblem {
  /** f. */
  objective(x: tf.Tensor, ...θ: tf.Tensor[]): tf.Scalar;
  /** h, any tensor of float32. */
  equality?(x: tf.Tensor, ...θ: tf.Tensor[]): tf.Tensor;
  /** g. */
  inequality?(x: tf.Tensor, ...θ: tf.Tensor[]): tf.Tensor;
}

/**
 * The conditions of Karush, Kuhn and Tucker as an optimality, for `argmin` and `attach`.
 *
 * Of the point `{ x, equality: ν, inequality: μ }`, the solution and its multipliers in the shapes of h
 * and g, with those alone that the problem has:
 * `F = { ∇ₓ(f + νᵀh + μᵀg), h, μ ⊙ g }`. At a solution F = 0, `μ ≥ 0` and `g ≤ 0`; its derivative exists
 * where the gradients of the active constraints are independent and `μᵢ > 0` for each active gᵢ.
 *
 * @throws InputError for an unknown name or anything but a function; when used, for a point with other names.
 * @see Amos & Kolter, [OptNet: differentiable optimization as a layer in neural
 *   networks](https://arxiv.org/abs/1703.00443), 2017, §3.
 */
export function kkt(problem: ConstrainedProblem): Optimality<NamedTensors> {
  checkOptionNames('kkt', problem, ['objective', 'equality', 'inequality']);
  const { objective, equality, inequality } = problem;
  checkFunction(objective, 'the objective of kkt');
  if (equality !== undefined) checkFunction(equality, 'the equality of kkt');
  if (inequality !== undefined) checkFunction(inequality, 'the inequality of kkt');
  return (point, ...θ) => {
    checkPoint(point, problem);
    const { x, equality: ν, inequality: μ } = point;
    const lagrangian = (x: tf.Tensor) => {
      const terms: tf.Tensor[] = [objective(x, ...θ)];
      if (equality !== undefined) terms.push(tf.sum(tf.mul(ν!, equality(x, ...θ))));
      if (inequality !== undefined) terms.push(tf.sum(tf.mul(μ!, inequality(x, ...θ))));
      return tf.addN(terms) as tf.Scalar;
    };
    const F: NamedTensors = {
      x: valueAndGradient(({ x }) => lagrangian(x!), { x: x! }).gradient.x!,
    };
    if (equality !== undefined) F.equality = equality(x!, ...θ);
    if (inequality !== undefined) F.inequality = tf.mul(μ!, inequality(x!, ...θ));
    return F;
  };
}

function checkConstraint(constraint: unknown): void {
  checkMethods(constraint, 'the constraint', ['project']);
}

function checkPoint(point: NamedTensors, { equality, inequality }: ConstrainedProblem): void {
  const names = ['x', ...(equality ? ['equality'] : []), ...(inequality ? ['inequality'] : [])];
  const given = point instanceof tf.Tensor ? [] : Object.keys(point);
  if (given.length === names.length && names.every((name) => given.includes(name))) return;
  throw new InputError({
    given: `a point with the names ${given.join(', ') || '(none)'} for kkt`,
    expected: `the names ${names.join(', ')}`,
    remedy: 'Give the solution as x, and the multipliers of each kind of constraint that there is.',
  });
}
