import type * as tf from '@tensorflow/tfjs';
import { InputError } from '../errors';
import type { Pausing } from '../event-loop';
import { checkFunction, checkList, checkNoMore, checkOptionNames, phrase } from '../options';
import type { NamedTensors } from '../spaces';
import { checkPoint } from './check';
import { blockOf, type Curvature } from './curvature';
import { deferredCurvature, isDeferring } from './deferred';
import { gaussNewtonRecorder, recordGaussNewton } from './gauss-newton';
import { hessianRecorder, recordHessian } from './hessian';
import { recordByProgram, recordOnTape } from './record-curvature';
import type { Select } from './select';

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
 * not change what was recorded. The loss is not checked for NaN; that is left to the caller.
 *
 * @throws InputError for an unknown name in the block or a missing cut, ShapeError unless f returns
 *   a scalar, UnsupportedError for an operation without a derivative.
 */
export function recordGradient(
  f: () => tf.Scalar,
  variables: NamedTensors,
  options: RecordOptions = {},
): Curvature {
  checkNoMore('recordGradient', arguments, 3);
  checkFunction(f, 'the loss');
  checkPoint(variables, 'the variables');
  checkOptionNames('recordGradient', options, ['curvature', 'block']);
  const { curvature = 'hessian', block = Object.keys(variables) } = options;
  checkList(block, 'the block');
  if (curvature !== 'hessian' && curvature !== 'gauss-newton') {
    throw new InputError({
      given: `${phrase(curvature)} as the curvature`,
      expected: "'hessian' or 'gauss-newton'",
      remedy: 'Write it exactly like that.',
    });
  }
  const selection = { variables: { ...variables }, block: blockOf(variables, block) };
  if (isDeferring()) {
    return deferredCurvature(
      curvature,
      recordSelectedInPieces(f, () => ({ ...selection, block }), curvature),
    );
  }
  return recorderOf(curvature)(f, () => selection);
}

/** What {@link recordSelected} records: names of the variables among which products are taken. */
export interface SelectedVariables {
  variables: NamedTensors;
  block: readonly string[];
}

/**
 * The same where the variables are chosen once the loss has been computed, while its tape runs: for
 * those that the loss turns out to depend on.
 *
 * @throws as `recordGradient` does, and whatever `select` throws.
 */
export function recordSelected(
  f: () => tf.Scalar,
  select: (loss: tf.Scalar) => SelectedVariables,
  curvature: 'hessian' | 'gauss-newton' = 'hessian',
): Curvature {
  return recorderOf(curvature)(f, checkedSelect(select));
}

/** The same, to be left for a while within the gradient. */
export function recordSelectedInPieces(
  f: () => tf.Scalar,
  select: (loss: tf.Scalar) => SelectedVariables,
  curvature: 'hessian' | 'gauss-newton' = 'hessian',
): Pausing<Curvature> {
  return curvature === 'hessian'
    ? recordOnTape(hessianRecorder, f, checkedSelect(select))
    : recordOnTape(gaussNewtonRecorder, f, checkedSelect(select));
}

/**
 * The same by programs where they are known for the structure of the loss: without `factors`, and
 * nothing for `explain`.
 *
 * @param candidates the tensors among which those are that will be selected
 */
export function recordByProgramInPieces(
  f: () => tf.Scalar,
  select: (loss: tf.Scalar) => SelectedVariables,
  curvature: 'hessian' | 'gauss-newton',
  candidates: readonly tf.Tensor[],
): Pausing<Curvature> {
  return curvature === 'hessian'
    ? recordByProgram(hessianRecorder, f, checkedSelect(select), candidates)
    : recordByProgram(gaussNewtonRecorder, f, checkedSelect(select), candidates);
}

const checkedSelect =
  (select: (loss: tf.Scalar) => SelectedVariables): Select =>
  (loss) => {
    const { variables, block } = select(loss);
    checkPoint(variables, 'the variables');
    return { variables: { ...variables }, block: blockOf(variables, block) };
  };

const recorderOf = (curvature: 'hessian' | 'gauss-newton') =>
  curvature === 'hessian' ? recordHessian : recordGaussNewton;
