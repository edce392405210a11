import * as tf from '@tensorflow/tfjs';
import { softmaxCrossEntropy } from '../../lib/backends';

/** A loss of some parameters, on fixed data. */
export interface Model {
  parameters: tf.Tensor[];
  loss(...parameters: tf.Tensor[]): tf.Scalar;
}

/** The MLP 784-200-10 with relu and softmax cross-entropy, as in the project's measurements. */
export function mlp(batch: number): Model {
  const x = tf.randomNormal([batch, 784], 0, 1, 'float32', 1);
  const y = tf.oneHot(tf.randomUniform([batch], 0, 10, 'int32', 2), 10).toFloat();
  const parameters = [
    tf.randomNormal([784, 200], 0, 0.05, 'float32', 3),
    tf.zeros([200]),
    tf.randomNormal([200, 10], 0, 0.05, 'float32', 4),
    tf.zeros([10]),
  ];
  return {
    parameters,
    loss: (w1, b1, w2, b2) => {
      const hidden = tf.relu(tf.add(tf.matMul(x, w1!), b1!));
      return softmaxCrossEntropy(y, tf.add(tf.matMul(hidden, w2!), b2!));
    },
  };
}

/** A CNN on 28 × 28 images: two convolutions of 8 and 16 filters with pools, and a dense layer. */
export function cnn(batch: number): Model {
  const x = tf.randomNormal([batch, 28, 28, 1], 0, 1, 'float32', 1) as tf.Tensor4D;
  const y = tf.oneHot(tf.randomUniform([batch], 0, 10, 'int32', 2), 10).toFloat();
  const parameters = [
    tf.randomNormal([3, 3, 1, 8], 0, 0.3, 'float32', 3),
    tf.randomNormal([3, 3, 8, 16], 0, 0.1, 'float32', 4),
    tf.randomNormal([7 * 7 * 16, 10], 0, 0.05, 'float32', 5),
  ];
  const convolve = (x: tf.Tensor4D, f: tf.Tensor) =>
    tf.maxPool(tf.relu(tf.conv2d(x, f as tf.Tensor4D, 1, 'same')), 2, 2, 'valid');
  return {
    parameters,
    loss: (f1, f2, w) => {
      const features = convolve(convolve(x, f1!), f2!);
      return softmaxCrossEntropy(y, tf.matMul(tf.reshape(features, [batch, -1]), w!));
    },
  };
}

/** The loss's gradient, computed and thrown away. */
export function gradient({ parameters, loss }: Model): void {
  tf.tidy(() => void tf.grads(loss)(parameters));
}
