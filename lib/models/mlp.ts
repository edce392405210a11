import * as tf from '@tensorflow/tfjs';
import { InputError } from '../errors';
import { random } from '../numbers';
import { checkNoMore, checkOptionNames, shown } from '../options';
import type { NamedTensors } from '../spaces';
import { type Activation, activate, checkActivation, weights } from './initial';
import { checkedModel, type Model } from './model';

export interface MlpOptions {
  /** Features, hidden units layer by layer, classes: `[784, 64, 10]`. */
  sizes: readonly number[];
  /** Default `'sigmoid'`. */
  activation?: Activation;
}

/**
 * A fully connected network: `aₗ = σ(aₗ₋₁ Wₗ + bₗ)`, and without σ at the last layer.
 *
 * Parameters `W1` of shape [n₀, n₁], `b1` of shape [n₁], `W2`, `b2`, … The sizes [784, 10] make it
 * multinomial logistic regression.
 *
 * @throws InputError for fewer than two sizes, or one that is not a positive integer
 */
export function mlp(options: MlpOptions): Model {
  checkNoMore('mlp', arguments, 1);
  checkOptionNames('mlp', options, ['sizes', 'activation']);
  const { sizes, activation = 'sigmoid' } = options;
  checkActivation(activation);
  if (
    !Array.isArray(sizes) ||
    sizes.length < 2 ||
    !sizes.every((size) => Number.isInteger(size) && size > 0)
  ) {
    throw new InputError({
      given: `the sizes [${Array.isArray(sizes) ? sizes.map(shown) : shown(sizes)}]`,
      expected: 'at least two positive integers',
      remedy: 'Give features first and classes last, [784, 64, 10] for example.',
    });
  }
  const layers = sizes.length - 1;
  const shapes: Record<string, number[]> = {};
  for (let l = 1; l <= layers; l++) {
    shapes[`W${l}`] = [sizes[l - 1]!, sizes[l]!];
    shapes[`b${l}`] = [sizes[l]!];
  }
  return checkedModel({
    name: `mlp ${sizes.join('-')} ${activation}`,
    shapes,
    features: sizes[0]!,

    init(seed) {
      const stream = random(seed);
      const params: NamedTensors = {};
      for (let l = 1; l <= layers; l++) {
        params[`W${l}`] = weights(shapes[`W${l}`]!, l < layers ? activation : 'output', stream);
        params[`b${l}`] = tf.zeros(shapes[`b${l}`]!);
      }
      return params;
    },

    predict: (params, x) =>
      tf.tidy(() => {
        let a = x;
        for (let l = 1; l <= layers; l++) {
          const z = tf.add(tf.matMul(a, params[`W${l}`]!), params[`b${l}`]!);
          a = l < layers ? activate[activation](z) : z;
        }
        return a as tf.Tensor2D;
      }),
  });
}

/**
 * Multinomial logistic regression: an {@link mlp} without a hidden layer. Default 784 features and 10 classes.
 *
 * @throws InputError for sizes that are not positive whole numbers.
 */
export function logistic(options: { features?: number; classes?: number } = {}): Model {
  checkNoMore('logistic', arguments, 1);
  checkOptionNames('logistic', options, ['features', 'classes']);
  const { features = 784, classes = 10 } = options;
  return { ...mlp({ sizes: [features, classes] }), name: `logistic ${features}-${classes}` };
}
