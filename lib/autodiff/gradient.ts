import * as tf from '@tensorflow/tfjs';
import { inFewerKernels } from '../backends';
import type { Pausing } from '../event-loop';
import { checkFunction, checkNoMore } from '../options';
import { mapTensors, type NamedTensors } from '../spaces';
import { collectAuxiliary, released } from './auxiliary';
import { checkFinite, checkPoint, checkScalar } from './check';
import { pureAt, rememberedOf } from './compiled';
import { graph } from './graph';
import { named } from './named';
import { byGradients } from './rules/reverse';
import { record } from './tape';
import { type Evaluation, evaluateInPieces, evaluateTraced } from './traced';

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
  checkNoMore('valueAndGradient', arguments, 2);
  checkFunction(loss, 'the loss');
  checkPoint(x, 'the point');
  return inFewerKernels(() =>
    tf.tidy(() => {
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
    }),
  );
}

/** What `valueAndGradient` returns. */
type ValueAndGradient = ReturnType<typeof valueAndGradient>;

/** The same by a program, where programs can run. */
function byProgram(
  loss: (x: NamedTensors) => tf.Scalar,
  leaves: NamedTensors,
  collected: () => { result: tf.Scalar; auxiliary: NamedTensors },
): ValueAndGradient | undefined {
  const { unmarked, marks, all, pure } = marking(loss, leaves, collected);
  try {
    const evaluation = evaluateTraced(unmarked, { all, varied: all.length }, 'gradient', pure);
    return evaluation && found(evaluation, leaves, marks());
  } catch (error) {
    tf.dispose(marks());
    throw error;
  }
}

/** As `valueAndGradient`, to be left for a while within the gradient; what it returns is kept. */
export function* valueAndGradientInPieces(
  loss: (x: NamedTensors) => tf.Scalar,
  x: NamedTensors,
): Pausing<ValueAndGradient> {
  checkPoint(x, 'the point');
  const leaves = mapTensors(x, (value) => tf.keep(value.clone()));
  const { unmarked, marks, all, pure } = marking(loss, leaves, () =>
    collectAuxiliary(() => loss(leaves)),
  );
  try {
    const leavesOf = { all, varied: all.length };
    const evaluation = yield* evaluateInPieces(unmarked, leavesOf, 'gradient', pure);
    const { value, gradient, auxiliary } = yield* foundInPieces(evaluation, leaves, marks());
    for (const each of [value, ...Object.values({ ...auxiliary })]) tf.keep(each);
    return { value, gradient, ...(auxiliary && { auxiliary }) };
  } catch (error) {
    tf.dispose(marks());
    throw error;
  } finally {
    tf.dispose(leaves);
  }
}

/** A loss whose marks are collected, and what it is evaluated with. */
function marking(
  loss: (x: NamedTensors) => tf.Scalar,
  leaves: NamedTensors,
  collected: () => { result: tf.Scalar; auxiliary: NamedTensors },
) {
  const remembered = rememberedOf(loss);
  let marked: NamedTensors = {};
  return {
    unmarked() {
      const { result, auxiliary } = collected();
      marked = auxiliary;
      if (remembered && Object.keys(auxiliary).length > 0) remembered.marks = true;
      return result;
    },
    marks: () => marked,
    all: Object.values(leaves),
    // A program marks nothing.
    pure: remembered?.marks ? undefined : remembered && pureAt(remembered, leaves),
  };
}

function found(
  evaluation: Evaluation,
  leaves: NamedTensors,
  marked: NamedTensors,
): ValueAndGradient {
  try {
    checkFinite(evaluation.value);
    return foundWith(evaluation, evaluation.gradient(), leaves, marked);
  } finally {
    evaluation.dispose();
  }
}

/** The same, to be left for a while within the gradient, which is kept. */
function* foundInPieces(
  evaluation: Evaluation,
  leaves: NamedTensors,
  marked: NamedTensors,
): Pausing<ValueAndGradient> {
  try {
    checkFinite(evaluation.value);
    return foundWith(evaluation, yield* evaluation.gradientInPieces(), leaves, marked);
  } finally {
    evaluation.dispose();
  }
}

function foundWith(
  evaluation: Evaluation,
  gradient: tf.Tensor[],
  leaves: NamedTensors,
  marked: NamedTensors,
): ValueAndGradient {
  const value = evaluation.value.clone() as tf.Scalar;
  const auxiliary = released(marked);
  return { value, gradient: named(leaves, gradient), ...(auxiliary && { auxiliary }) };
}

/**
 * The value of f() and its derivatives with respect to the variables that it depends on, by their
 * names; to be left for a while between both and within the latter, and kept.
 */
export function* variableGradients(
  f: () => tf.Scalar,
  variables: readonly tf.Variable[],
): Pausing<{ value: tf.Scalar; gradients: NamedTensors }> {
  const { result, tape } = record((tape) => {
    const loss = f();
    checkScalar(loss);
    return { value: tape.ownCopy(loss), path: graph(tape.nodes, [...variables], [loss]) };
  });
  try {
    yield;
    const { steps, leaves } = result.path;
    const read = new Set(steps.flatMap(({ reads }) => reads));
    const work = byGradients(result.path, tape).pullInPieces([tape.own(tf.ones([]))]);
    const pulled = yield* tape.withinInPieces(work);
    const gradients: NamedTensors = {};
    for (const [i, gradient] of pulled.entries()) {
      if (read.has(leaves[i]!.slot!)) gradients[variables[i]!.name] = gradient;
      else gradient.dispose();
    }
    return { value: tf.keep(result.value.clone()) as tf.Scalar, gradients };
  } finally {
    tape.dispose();
  }
}
