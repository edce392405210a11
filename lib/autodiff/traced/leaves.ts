import type * as tf from '@tensorflow/tfjs';

/** What a loss is differentiated with respect to. */
export interface Leaves {
  all: readonly tf.Tensor[];
  /** Of how many of them, from the first on, the gradient is taken. */
  varied: number;
}

/** Names, shapes and types of the leaves as a word, by which programs are found. */
export const keyOf = ({ all, varied }: Leaves, names: string) =>
  `${varied} ${names} ${all.map(({ shape, dtype }) => `${dtype}[${shape}]`)}`;
