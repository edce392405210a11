import type * as tf from '@tensorflow/tfjs';
import type { NamedTensors } from '../spaces';
import { checkPoint } from './check';
import { blockOf, type Curvature } from './curvature';
import { recordGaussNewton } from './gauss-newton';
import { recordHessian } from './hessian';

/** What to record besides the gradient. */
export interface RecordOptions {
  /** Whose products: the Hessian (default), or Gauss–Newton, which needs `markOutput` in f. */
  curvature?: 'hessian' | 'gauss-newton';
  /** Names of the variables among which the products are taken; default all. */
  block?: readonly string[];
}

/**
 * Evaluates f exactly once, with its gradient for all variables and curvature products for a block.
 *
 * What an optimizer needs of a step: `variables` are the very tensors (`tf.Variable`s, as a rule)
 * that f closes over, under names of the caller's choice. Assigning to a variable afterwards does
 * not change what was recorded. The loss is not looked at; a NaN is the caller's to notice.
 *
 * @throws InputError for an unknown name in the block or a missing cut, ShapeError unless f returns
 *   a scalar, UnsupportedError for an operation without a derivative.
 */
export function recordGradient(
  f: () => tf.Scalar,
  variables: NamedTensors,
  { curvature = 'hessian', block = Object.keys(variables) }: RecordOptions = {},
): Curvature {
  checkPoint(variables, 'the variables');
  const recorded = curvature === 'hessian' ? recordHessian : recordGaussNewton;
  return recorded(f, { ...variables }, blockOf(variables, block));
}
