import type * as tf from '@tensorflow/tfjs';

/** Numbers in a shape, from which a tensor is made on whatever backend is to be tested. */
export interface Input {
  shape: number[];
  values: number[];
}

/** Draws uniform numbers between 0 and 1. */
export type Random = () => number;

/** How to draw an input of a case. */
export type Draw = (random: Random) => Input;

/** One way to call one op. */
export interface Case {
  /** The public name, `losses.logLoss` or `layers.dense` where it is in a namespace. */
  op: string;
  /** What is special about this call, if anything. */
  variant: string;
  inputs: Draw[];
  f: (...inputs: tf.Tensor[]) => tf.Tensor;
  /** Set where the derivative is refused: what the error must name. */
  refusal?: string;
}

const size = (shape: number[]) => shape.reduce((a, b) => a * b, 1);

/** Numbers drawn evenly from an interval. */
export const between =
  (low: number, high: number, ...shape: number[]): Draw =>
  (random) => ({
    shape,
    values: Array.from({ length: size(shape) }, () => low + (high - low) * random()),
  });

/** Numbers from −1.5 to 1.5 that keep their distance from zero, where many ops have a kink. */
export const signed =
  (...shape: number[]): Draw =>
  (random) => ({
    shape,
    values: Array.from({ length: size(shape) }, () => {
      const x = 0.25 + 1.25 * random();
      return random() < 0.5 ? -x : x;
    }),
  });

/** Numbers that keep their distance from each other (0.3) and from zero, in a random order. */
export const apart =
  (...shape: number[]): Draw =>
  (random) => {
    const n = size(shape);
    const values = Array.from({ length: n }, (_, i) => 0.3 * (i - Math.floor(n / 2)) + 0.12);
    for (let i = n - 1; i > 0; i--) {
      const j = Math.floor(random() * (i + 1));
      [values[i], values[j]] = [values[j]!, values[i]!];
    }
    return { shape, values };
  };

/** One call of an op. */
export const call = (op: string, inputs: Draw[], f: Case['f'], variant = ''): Case => ({
  op,
  variant,
  inputs,
  f,
});

/** A call whose derivative is refused, by an error that names `by`. */
export const refused = (op: string, inputs: Draw[], f: Case['f'], by: string): Case => ({
  op,
  variant: '',
  inputs,
  f,
  refusal: by,
});
