import * as tf from '@tensorflow/tfjs';
import { hvp, isolated } from '../autodiff';
import type { Constraint } from '../constraints';
import { InputError, ShapeError } from '../errors';
import {
  checkFunction,
  checkMethods,
  checkNoMore,
  checkNumericTensor,
  checkOptionNames,
  checkPositive,
  phrase,
} from '../options';
import { type NamedTensors, tensors } from '../spaces';
import type { Optimality } from './argmin-options';
import { ofGradient } from './optimality-in-pieces';
import { waves } from './waves';

/**
 * The optimality of a minimum on a convex set, as a fixed point of projected gradient descent:
 * `F(x, θ) = x − P(x − η ∇f(x, θ))`, for `argmin` and `attach`.
 *
 * It is 0 exactly at the minimisers of a convex f on the set, whatever η > 0 is. Its derivative exists
 * where no entry is on a bound with a gradient of 0 (strict complementarity).
 *
 * @param constraint `box(…)`, `simplex(…)`, `ball(…)`, or a function of the θs that makes one, where
 *   bounds depend on them
 * @param options `step`: η, near 1/L for a well-conditioned system. Default `‖d‖/‖∇²f d‖` with a
 *   fixed d of no particular direction, at each x, so that no unit of x or f enters
 * @throws InputError for anything but a loss, a constraint and a step.
 * @see Blondel et al., [Efficient and modular implicit
 *   differentiation](https://arxiv.org/abs/2105.15183), 2022, §2.2.
 */
export function projectedStationarity(
  loss: (x: tf.Tensor, ...θ: tf.Tensor[]) => tf.Scalar,
  constraint: Constraint | ((...θ: tf.Tensor[]) => Constraint),
  options: { step?: number } = {},
): Optimality<tf.Tensor> {
  checkNoMore('projectedStationarity', arguments, 3);
  checkFunction(loss, 'the loss of projectedStationarity');
  if (typeof constraint !== 'function') checkConstraint(constraint);
  checkOptionNames('projectedStationarity', options, ['step']);
  const { step } = options;
  if (step !== undefined) checkPositive(step, 'projectedStationarity(…) with a step of', REMEDY);
  return ofGradient<tf.Tensor>(function* (gradientOf, x, ...θ) {
    const f = ({ x }: NamedTensors) => loss(x!, ...θ);
    const gradient = yield* gradientOf(f, { x });
    const set = typeof constraint === 'function' ? constraint(...θ) : constraint;
    checkConstraint(set);
    const η = step ?? isolated(() => tf.tidy(() => stepAt(f, x, gradient)));
    const projected = numeric(set.project(tf.sub(x, tf.mul(η, gradient.x!))), 'a projection');
    if (tf.util.arraysEqual(projected.shape, x.shape)) return tf.sub(x, projected);
    throw new ShapeError({
      given: `a projection of shape [${projected.shape}]`,
      expected: `the shape [${x.shape}] of what is projected`,
      remedy: 'Return the nearest point of the set.',
    });
  });
}

/** What a function of the user has returned, where it is a tensor. */
function numeric<T extends tf.Tensor>(value: T, what: string): T {
  checkNumericTensor(value, what);
  return value;
}

const REMEDY = 'Leave it out for one that fits the curvature.';

/**
 * A step in the unit of x over that of the gradient: by the curvature; where there is none, one as long
 * as x; else 1.
 */
function stepAt(f: (x: NamedTensors) => tf.Scalar, x: tf.Tensor, gradient: NamedTensors) {
  const { of, less, divide, select } = tensors.scalars;
  const d = { x: waves(x.shape) };
  const ratio = (above: NamedTensors, below: NamedTensors, otherwise: tf.Scalar) => {
    const [a, b] = [tensors.norm(above), tensors.norm(below)];
    const both = tensors.scalars.and(less(of(0), a), less(of(0), b));
    const quotient = divide(a, select(both, b, of(1)));
    return select(less(quotient, of(HUGE)), select(both, quotient, otherwise), otherwise);
  };
  return ratio(d, hvp(f, { x }, d), ratio({ x }, gradient, of(1)));
}

/** Above this a float32 is as good as overflowed. */
const HUGE = 3e38;

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
  checkNoMore('kkt', arguments, 1);
  checkOptionNames('kkt', problem, ['objective', 'equality', 'inequality']);
  const { objective, equality, inequality } = problem;
  checkFunction(objective, 'the objective of kkt');
  if (equality !== undefined) checkFunction(equality, 'the equality of kkt');
  if (inequality !== undefined) checkFunction(inequality, 'the inequality of kkt');
  return ofGradient<NamedTensors>(function* (gradientOf, point, ...θ) {
    checkPoint(point, problem);
    const { x, equality: ν, inequality: μ } = point;
    const lagrangian = (x: tf.Tensor) => {
      const terms: tf.Tensor[] = [numeric(objective(x, ...θ), 'the objective of kkt')];
      if (equality !== undefined)
        terms.push(tf.sum(tf.mul(ν!, numeric(equality(x, ...θ), 'the equality of kkt'))));
      if (inequality !== undefined)
        terms.push(tf.sum(tf.mul(μ!, numeric(inequality(x, ...θ), 'the inequality of kkt'))));
      return tf.addN(terms) as tf.Scalar;
    };
    const gradient = yield* gradientOf(({ x }) => lagrangian(x!), { x: x! });
    const F: NamedTensors = { x: gradient.x! };
    if (equality !== undefined) F.equality = equality(x!, ...θ);
    if (inequality !== undefined) {
      const g = inequality(x!, ...θ);
      checkMultipliers(g, μ!);
      F.inequality = tf.mul(μ!, g);
    }
    return F;
  });
}

function checkConstraint(constraint: unknown): void {
  checkMethods(constraint, 'the constraint', ['project']);
}

/** One multiplier for several inequalities, or several for one, would be broadcast. */
function checkMultipliers(g: tf.Tensor, μ: tf.Tensor): void {
  if (g instanceof tf.Tensor && tf.util.arraysEqual(g.shape, μ.shape)) return;
  throw new ShapeError({
    given: `multipliers of shape [${μ.shape}] for inequalities ${g instanceof tf.Tensor ? `of shape [${g.shape}]` : `that are ${phrase(g)}`}`,
    expected: 'a multiplier for each inequality',
    remedy: 'Give them the shape of what `inequality` returns.',
  });
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
