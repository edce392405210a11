import * as tf from '@tensorflow/tfjs';

type Gradient = Record<string, () => tf.Tensor>;
type Attributes = tf.NamedAttrMap;

/** How a kernel is differentiated: `gradient(dy, inputs, attributes)` for each of its inputs. */
export interface Rule {
  /** The inputs that `gradient` is handed, by name, in order. */
  inputs?: string[];
  /** Hand the outputs over too, after the inputs. */
  outputs?: number;
  gradient(dy: tf.Tensor, saved: tf.Tensor[], attributes: Attributes): Gradient;
}

/** Registers the derivative of a kernel, in the place of the one that TensorFlow.js has. */
export function differentiate(kernelName: string, { inputs = [], outputs = 0, gradient }: Rule) {
  if (tf.getGradient(kernelName)) tf.unregisterGradient(kernelName);
  tf.registerGradient({
    kernelName,
    inputsToSave: inputs,
    outputsToSave: Array.from({ length: outputs }, () => true),
    gradFunc: (dy, saved, attributes) => gradient(dy as tf.Tensor, saved, attributes),
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
