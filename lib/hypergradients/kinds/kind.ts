import * as tf from '@tensorflow/tfjs';
import { InputError } from '../../errors';
import {
  checkFunction,
  checkMethods,
  checkNoMore,
  checkNumericTensor,
  phrase,
  settled,
} from '../../options';
import type { BatchedProblem } from '../../problems';
import type { NamedTensors } from '../../spaces';
import { checkHyperparameters, type Shapes } from './require';

/** Examples to learn from or to validate with: inputs and targets, by rows. */
export interface Examples {
  x: tf.Tensor;
  y: tf.Tensor;
  /** The place of each row in the whole set, int32, for kinds that weigh examples. */
  index?: tf.Tensor1D;
}

/** A model with its loss: the loss of each example, a vector. */
export type ExampleLosses = (w: NamedTensors, examples: Examples) => tf.Tensor1D;

/** A kind of hyperparameter: where λ starts, and how it enters the inner loss. */
export interface Kind {
  readonly name: string;
  /** A new λ to start from; the caller's. */
  initial(w: NamedTensors): NamedTensors;
  /** The inner loss of a batch. */
  loss(losses: ExampleLosses, w: NamedTensors, λ: NamedTensors, batch: Examples): tf.Scalar;
}

/**
 * The problem of choosing hyperparameters of a kind by the mean loss on validation examples.
 *
 * Its batches are `Examples`: give them to `hypergradient` as `{ batch: { inner, outer } }`, or
 * fix them once by `onBatches`.
 *
 * @throws InputError for anything but a function and a kind; when used, for a batch that is not examples, or
 *   losses that are not a tensor of numbers.
 */
export function bilevelProblem(losses: ExampleLosses, kind: Kind): BatchedProblem<Examples> {
  checkNoMore('bilevelProblem', arguments, 2);
  checkFunction(losses, 'the losses of bilevelProblem');
  checkMethods(kind, 'the kind of bilevelProblem', ['initial', 'loss']);
  const checked: ExampleLosses = (w, examples) => {
    const each = losses(w, examples);
    checkNumericTensor(each, 'what the losses of bilevelProblem return');
    return each;
  };
  return {
    inner: (w, λ, batch) => kind.loss(checked, w, λ, checkExamples(batch)),
    outer: (w, _, batch) => tf.mean(checked(w, checkExamples(batch))),
  };
}

/** @throws InputError for a batch that was left out. */
function checkExamples(batch: Examples): Examples {
  if (batch?.x instanceof tf.Tensor && batch.y instanceof tf.Tensor) return batch;
  throw new InputError({
    given: `${phrase(batch)} as a batch`,
    expected: 'examples { x, y }, two tensors',
    remedy: 'Give hypergradient(…, { batch: { inner, outer } }), or bilevel({ batches }).',
  });
}

/** The numbers of records in whose place there is a function. */
const numbers = new WeakMap<object, unknown>();

/** A setting of a kind as it was given: a copy of a kind has the function of its name. */
export const settingOf = (value: unknown): unknown =>
  typeof value === 'function' && numbers.has(value) ? numbers.get(value) : value;

/**
 * Joins a record and its functions to a value that serializes as the record.
 *
 * @param shapes what the loss expects of λ
 */
export function kindOf<R extends { readonly name: string }>(
  record: R,
  functions: Pick<Kind, 'initial' | 'loss'>,
  shapes: (w: NamedTensors) => Shapes = () => ({}),
): R & Kind {
  const loss: Kind['loss'] = (losses, w, λ, batch) => {
    checkHyperparameters(λ, shapes(w), record.name);
    return functions.loss(losses, w, λ, batch);
  };
  // Where a number of the record has the name of the function, it serializes as the number.
  const initial: Kind['initial'] & { toJSON?: () => unknown } = (w) => functions.initial(w);
  if ('initial' in record) {
    initial.toJSON = () => record.initial;
    numbers.set(initial, record.initial);
  }
  const kind = Object.defineProperties({ ...record } as R & Kind, {
    initial: { value: initial },
    loss: { value: loss },
  });
  return settled(kind, `the kind ${record.name}`);
}
