import * as tf from '@tensorflow/tfjs';
import { compiled } from '../../lib/autodiff';
import { softmaxCrossEntropy } from '../../lib/backends';
import type { NamedTensors } from '../../lib/spaces';
import { type Giving, normals, oneHot } from './given';

const [ROWS, FEATURES, CLASSES] = [5000, 2000, 20];

/** Dense softmax regression with a log-penalty for each feature: the problem, weights, hyperparameters. */
export function softmaxRegression(giving: Giving) {
  const { give, tensor } = giving;
  for (const part of ['', 'v']) {
    give(`w2_X${part}`, [ROWS, FEATURES], giving.draw.normals(ROWS * FEATURES));
    give(`w2_Y${part}`, [ROWS, CLASSES], oneHot(ROWS, CLASSES));
  }
  give('w2_w', [FEATURES, CLASSES], normals(giving, FEATURES * CLASSES, 0.01));
  give('w2_lam', [FEATURES], new Float32Array(FEATURES).fill(-2));
  const [X, Y, Xv, Yv] = ['X', 'Y', 'Xv', 'Yv'].map((name) => tensor(`w2_${name}`)) as [
    tf.Tensor2D,
    tf.Tensor,
    tf.Tensor2D,
    tf.Tensor,
  ];
  const loss = (w: NamedTensors, X: tf.Tensor2D, Y: tf.Tensor) =>
    softmaxCrossEntropy(Y, tf.matMul(X, w.w as tf.Tensor2D)) as tf.Scalar;
  return {
    problem: {
      inner: compiled((w: NamedTensors, { λ }: NamedTensors) => {
        const penalties = tf.mul(tf.expandDims(tf.exp(λ!), 1), tf.square(w.w!));
        return tf.add(loss(w, X, Y), tf.mul(0.5, tf.sum(penalties))) as tf.Scalar;
      }),
      outer: compiled((w: NamedTensors, _: NamedTensors) => loss(w, Xv, Yv)),
    },
    w: { w: tensor('w2_w') },
    λ: { λ: tensor('w2_lam') },
  };
}
