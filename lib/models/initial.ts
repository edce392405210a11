import * as tf from '@tensorflow/tfjs';
import { InputError } from '../errors';
import type { Random } from '../numbers';
import { checkCount, phrase } from '../options';

/** What bends between two layers. */
export type Activation = 'sigmoid' | 'tanh' | 'relu';

export const activate: Record<Activation, (z: tf.Tensor) => tf.Tensor> = {
  sigmoid: tf.sigmoid,
  tanh: tf.tanh,
  relu: tf.relu,
};

/** @throws InputError for an unknown activation. */
export function checkActivation(name: unknown): void {
  if (typeof name === 'string' && Object.hasOwn(activate, name)) return;
  throw new InputError({
    given: `${phrase(name)} as an activation`,
    expected: `one of ${Object.keys(activate).join(', ')}`,
    remedy: 'Write it exactly like that.',
  });
}

/** @throws InputError unless all sizes are positive whole numbers. */
export function checkSizes(sizes: Record<string, number>): void {
  for (const [name, size] of Object.entries(sizes)) checkCount(size, `${name}:`);
}

/**
 * Seeded weights of a shape whose last two sizes are the channels in and out; what precedes
 * them, the extent of a filter, multiplies both fans.
 */
export function weights(shape: number[], before: Activation | 'output', stream: Random): tf.Tensor {
  const extent = shape.slice(0, -2).reduce((product, size) => product * size, 1);
  const fanIn = extent * shape.at(-2)!;
  const fanOut = extent * shape.at(-1)!;
  const bound = Math.sqrt(6 / (fanIn + fanOut));
  const deviation = Math.sqrt(2 / fanIn);
  const draw =
    before === 'relu'
      ? () => deviation * stream.normal()
      : () => bound * (2 * stream.uniform() - 1);
  const count = extent * shape.at(-2)! * shape.at(-1)!;
  return tf.tensor(Float32Array.from({ length: count }, draw), shape);
}
