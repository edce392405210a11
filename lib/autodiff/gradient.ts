import * as tf from '@tensorflow/tfjs';
import { checkFunction } from '../options';
import { mapTensors, type NamedTensors } from '../spaces';
import { collectAuxiliary, released } from './auxiliary';
import { checkFinite, checkPoint, checkScalar } from './check';
import { pureAt, rememberedOf } from './compiled';
import { graph } from './graph';
import { named } from './named';
import { byGradients } from './rules/reverse';
import { record } from './tape';
import { evaluateTraced } from './traced';

/**
 * A loss at x and its gradient there, both the caller's.
 *
 * `auxiliary` is what the loss has marked by `markAuxiliary`, if anything, the caller's too.
 * Where the loss does not depend on a tensor of x, that part of the gradient is zeros. Inside
 * `tf.grad` the result can be differentiated further. A loss that `compiled` has declared is not
 * called once it is known.
 *
 * @throws ShapeError unless the loss is a scalar, NotFiniteError where it can be seen to be NaN or
 *   infinite, UnsupportedError for an operation without a derivative.
 */
export function valueAndGradient(
  loss: (x: NamedTensors) => tf.Scalar,
  x: NamedTensors,
): { value: tf.Scalar; gradient: NamedTensors; auxiliary?: NamedTensors } {
  checkFunction(loss, 'the loss');
  checkPoint(x, 'the point');
  return tf.tidy(() => {
    const leaves = mapTensors(x, (value) => value.clone());
    const collected = () =>
      collectAuxiliary(() => {
        const value = loss(leaves);
        checkScalar(value);
        return value;
      });
    const traced = byProgram(loss, leaves, collected);
    if (traced !== undefined) return traced;
    const { result, tape } = record((tape) => {
      const { result: value, auxiliary } = collected();
      for (const marked of Object.values(auxiliary)) tape.own(marked);
      checkFinite(value);
      return {
        path: graph(tape.nodes, Object.values(leaves), [value]),
        value: tape.ownCopy(value),
        auxiliary,
      };
    });
    try {
      const program = byGradients(result.path, tape);
      const gradients = tape.within(() => program.pullDense([tf.ones([])]));
      const auxiliary = released(result.auxiliary);
      const found = { value: result.value.clone(), gradient: named(x, gradients) };
      return auxiliary === undefined ? found : { ...found, auxiliary };
    } finally {
      tape.dispose();
    }
  });
}

/** The same by a program, where programs can run. */
function byProgram(
  loss: (x: NamedTensors) => tf.Scalar,
  leaves: NamedTensors,
  collected: () => { result: tf.Scalar; auxiliary: NamedTensors },
): ReturnType<typeof valueAndGradient> | undefined {
  const remembered = rememberedOf(loss);
  let marked: NamedTensors = {};
  const unmarked = () => {
    const { result, auxiliary } = collected();
    marked = auxiliary;
    if (remembered && Object.keys(auxiliary).length > 0) remembered.marks = true;
    return result;
  };
  const all = Object.values(leaves);
  // A program marks nothing.
  const pure = remembered?.marks ? undefined : remembered && pureAt(remembered, leaves);
  try {
    const evaluation = evaluateTraced(unmarked, { all, varied: all.length }, 'gradient', pure);
    if (evaluation === undefined) return undefined;
    try {
      checkFinite(evaluation.value);
      const gradient = named(leaves, evaluation.gradient());
      const found = { value: evaluation.value.clone() as tf.Scalar, gradient };
      const auxiliary = released(marked);
      return auxiliary === undefined ? found : { ...found, auxiliary };
    } finally {
      evaluation.dispose();
    }
  } catch (error) {
    tf.dispose(marked);
    throw error;
  }
}
