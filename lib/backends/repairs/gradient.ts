import * as tf from '@tensorflow/tfjs';

type Gradient = Record<string, () => tf.Tensor>;

/** How a kernel with one output is differentiated, given its attributes A. */
export interface Rule<A> {
  /** Names of the inputs that `gradient` receives, in this order. */
  inputs?: string[];
  /** Whether it also receives the output, after the inputs. */
  output?: boolean;
  /** From the derivative for the output to the derivatives for the inputs, by name. */
  gradient(dy: tf.Tensor, saved: tf.Tensor[], attributes: A): Gradient;
}

/** Registers the derivative of a kernel, in place of the one that TensorFlow.js has. */
export function differentiate<A = unknown>(
  kernelName: string,
  { inputs = [], output = false, gradient }: Rule<A>,
): void {
  if (tf.getGradient(kernelName)) tf.unregisterGradient(kernelName);
  tf.registerGradient({
    kernelName,
    inputsToSave: inputs,
    outputsToSave: [output],
    gradFunc: (dy, saved, attributes) =>
      gradient(Array.isArray(dy) ? dy[0]! : dy, saved, attributes as typeof attributes & A),
  });
}

/** The derivative of what does not change, or only by jumps. */
export const zerosLike = (x: tf.Tensor) => () => tf.zeros(x.shape);

/** Sums what broadcasting repeated: the transpose of broadcasting `shape` to that of `dy`. */
export function sumTo(dy: tf.Tensor, shape: number[]): tf.Tensor {
  if (tf.util.arraysEqual(dy.shape, shape)) return dy;
  const axes = tf.backend_util.getReductionAxes(shape, dy.shape);
  return tf.reshape(axes.length ? tf.sum(dy, axes) : dy, shape);
}

/** 0, 1, 2, … in a shape: an op that moves elements shows by it where each went. */
export const positions = (shape: number[]): tf.Tensor =>
  tf.reshape(tf.range(0, tf.util.sizeFromShape(shape), 1, 'int32'), shape);

/** Adds each element of `dy` to a zero tensor, at the flat position that `places` gives. */
export function scatterTo(places: tf.Tensor, dy: tf.Tensor, shape: number[]): tf.Tensor {
  const size = tf.util.sizeFromShape(shape);
  const flat = tf.scatterND(tf.reshape(places, [-1, 1]), tf.reshape(dy, [-1]), [size]);
  return tf.reshape(flat, shape);
}
