import * as tf from '@tensorflow/tfjs';
import { InputError, ShapeError } from '../../errors';
import { checkNumericTensor, checkRecord, phrase } from '../../options';
import type { NamedTensors } from '../../spaces';

/** What a kind expects of λ: the shape of each tensor. */
export type Shapes = Readonly<Record<string, readonly number[]>>;

/**
 * Checks hyperparameters, which would otherwise be broadcast against what they belong to. There may be
 * others in addition to them, such as learned settings of a method.
 *
 * @throws InputError for a tensor that is missing, ShapeError for one of another shape.
 */
export function checkHyperparameters(λ: NamedTensors, shapes: Shapes, kind: string): void {
  const listed = Object.entries(shapes).map(([name, shape]) => `${name}: [${shape}]`);
  checkRecord(λ, `the hyperparameters of ${kind}`, `{ ${listed.join(', ')} }`);
  for (const [name, shape] of Object.entries(shapes)) {
    const tensor = λ[name];
    checkNumericTensor(tensor, `'${name}' of the hyperparameters of ${kind}`);
    if (tf.util.arraysEqual((tensor as tf.Tensor).shape, [...shape])) continue;
    throw new ShapeError({
      given: `'${name}' of shape [${(tensor as tf.Tensor).shape}] among the hyperparameters of ${kind}`,
      expected: `the shape [${shape}]`,
      remedy: `Start from ${kind}().initial(w), or reshape it.`,
    });
  }
}

/** @throws InputError unless the places of a batch, if there are any, are a list of whole numbers. */
export function checkIndex(index: unknown): void {
  if (index === undefined) return;
  checkNumericTensor(index, 'the index of a batch');
  const { rank, dtype, shape } = index as tf.Tensor;
  if (rank === 1 && dtype === 'int32') return;
  throw new ShapeError({
    given: `an index of a batch of shape [${shape}] (${dtype})`,
    expected: 'one place for each row, of shape [batch], int32',
    remedy: "Make it by tf.tensor1d(places, 'int32').",
  });
}

/** @throws InputError unless the value is a list of lists of finite numbers. */
export function checkRows(value: unknown, what: string): void {
  const isRow = (row: unknown) => Array.isArray(row) && row.every(Number.isFinite);
  if (Array.isArray(value) && value.every(isRow)) return;
  throw new InputError({
    given: `${phrase(value)} as ${what}`,
    expected: 'rows of finite numbers',
    remedy: 'Pass a list of lists: [[1, 0], [0, 1]].',
  });
}

/** @throws InputError unless the value is a list of sizes. */
export function checkShape(value: unknown): void {
  const isSize = (size: unknown) => Number.isSafeInteger(size) && (size as number) >= 1;
  if (Array.isArray(value) && value.every(isSize)) return;
  throw new InputError({
    given: `${phrase(value)} as a shape`,
    expected: 'a list of whole numbers of at least 1',
    remedy: 'Pass the shape of one input: [784].',
  });
}
