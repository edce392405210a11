import * as tf from '@tensorflow/tfjs';
import { softmaxCrossEntropy } from '../../lib/backends';
import type { Model as Network } from '../../lib/models';

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

/** A network of the library, its cross-entropy on random images. */
export function onImages(network: Network, batch: number): Model {
  const x = tf.randomUniform([batch, 784], 0, 1, 'float32', 1);
  const y = tf.oneHot(tf.randomUniform([batch], 0, 10, 'int32', 2), 10).toFloat();
  const parameters = network.init(3);
  const names = Object.keys(parameters);
  return {
    parameters: Object.values(parameters),
    loss: (...values) => {
      const named = Object.fromEntries(names.map((name, i) => [name, values[i]!]));
      return softmaxCrossEntropy(y, network.predict(named, x));
    },
  };
}

/** The loss's gradient, computed and thrown away. */
export function gradient({ parameters, loss }: Model): void {
  tf.tidy(() => void tf.grads(loss)(parameters));
}
