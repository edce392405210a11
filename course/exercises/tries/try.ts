/** An answer that is not in the catalogue, as a learner might write it, and its expected verdict. */
export interface Try {
  id: string;
  /** What the answer does, right or wrong. */
  name: string;
  answer: unknown;
  /** `right`, `differs`, `mistake: its name`, `property: its name`, or another status. */
  verdict: string;
  /** The heading, where the verdict does not say what is known of the answer. */
  title?: string;
  /** How many remarks it gets, on arguments that it changes and tensors that it leaves behind. */
  remarks?: number;
}

export type Vector = Float64Array;
export type Matrix = number[][];

export const dot = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a).reduce((sum, x, i) => sum + x * b[i]!, 0);

/** `y + a x`. */
export const add = (y: Vector, a: number, x: ArrayLike<number>): Vector =>
  y.map((value, i) => value + a * x[i]!);

export const size = (x: ArrayLike<number>) => Math.sqrt(dot(x, x));
