import * as tf from '@tensorflow/tfjs';
import { ShapeError } from '../errors';
import { type NamedTensors, tensors } from '../spaces';

/**
 * What several losses have marked, each name's mean by the shares of the losses that marked it.
 *
 * @returns kept tensors of the caller's
 * @throws ShapeError for a name under which the losses marked values of several shapes.
 */
export function meanAuxiliary(
  marked: readonly NamedTensors[],
  shares: readonly number[],
): NamedTensors {
  const names = [...new Set(marked.flatMap((values) => Object.keys(values)))];
  const mean = (name: string): tf.Tensor => {
    const of = marked.flatMap((values, i) =>
      values[name] === undefined ? [] : [{ value: values[name], share: shares[i]! }],
    );
    const shapes = new Set(of.map(({ value }) => `[${value.shape}]`));
    if (shapes.size > 1) throw severalShapes(name, [...shapes]);
    const sum = of.reduce((total, { share }) => total + share, 0);
    return tf.addN(of.map(({ value, share }) => tf.mul(share / sum, value)));
  };
  return tensors.keep(tf.tidy(() => Object.fromEntries(names.map((name) => [name, mean(name)]))));
}

const severalShapes = (name: string, shapes: readonly string[]) =>
  new ShapeError({
    given: `'${name}' marked by several losses in the shapes ${shapes.join(' and ')}`,
    expected: 'one shape, of which the mean over the losses is taken',
    remedy: 'Mark a mean of each batch: markAuxiliary({ accuracy: tf.mean(right) }).',
  });
