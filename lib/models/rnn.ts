import * as tf from '@tensorflow/tfjs';
import { random } from '../numbers';
import { checkNoMore, checkOptionNames } from '../options';
import { checkSizes, weights } from './initial';
import { checkedModel, type Model } from './model';

export interface RnnOptions {
  /** Numbers an image row has, and so a step. Default 28. */
  features?: number;
  /** Rows, and so steps. Default 28. */
  steps?: number;
  /** Default 64. */
  hidden?: number;
  /** Default 10. */
  classes?: number;
}

/**
 * A recurrent network that reads an image row by row: `hₜ = tanh(xₜ U + hₜ₋₁ W + b)` from `h₀ = 0`,
 * logits `h_T V + c`.
 *
 * Inputs are flat, [batch, steps · features]. Parameters `U` [features, hidden], `W` [hidden,
 * hidden], `b` [hidden], `V` [hidden, classes], `c` [classes].
 *
 * @throws InputError for sizes that are not positive whole numbers.
 */
export function rnn(options: RnnOptions = {}): Model {
  checkNoMore('rnn', arguments, 1);
  checkOptionNames('rnn', options, ['features', 'steps', 'hidden', 'classes']);
  const { features = 28, steps = 28, hidden = 64, classes = 10 } = options;
  checkSizes({ features, steps, hidden, classes });
  const shapes = {
    U: [features, hidden],
    W: [hidden, hidden],
    b: [hidden],
    V: [hidden, classes],
    c: [classes],
  };
  return checkedModel({
    name: `rnn ${features}x${steps}-${hidden}`,
    shapes,
    features: steps * features,

    init(seed) {
      const stream = random(seed);
      return {
        U: weights(shapes.U, 'tanh', stream),
        W: weights(shapes.W, 'tanh', stream),
        b: tf.zeros(shapes.b),
        V: weights(shapes.V, 'output', stream),
        c: tf.zeros(shapes.c),
      };
    },

    predict: ({ U, W, b, V, c }, x) =>
      tf.tidy(() => {
        // One product for the inputs of all steps, [steps · batch, features].
        const byStep = tf.transpose(tf.reshape(x, [-1, steps, features]), [1, 0, 2]);
        const driven = tf.add(tf.matMul(tf.reshape(byStep, [-1, features]), U!), b!);
        const inputs = tf.split(driven, steps, 0);
        let h = tf.tanh(inputs[0]!);
        for (let t = 1; t < steps; t++) h = tf.tanh(tf.add(inputs[t]!, tf.matMul(h, W!)));
        return tf.add(tf.matMul(h, V!), c!) as tf.Tensor2D;
      }),
  });
}
