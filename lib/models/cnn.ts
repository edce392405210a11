import * as tf from '@tensorflow/tfjs';
import { InputError } from '../errors';
import { random } from '../numbers';
import { checkNoMore, checkOptionNames, phrase } from '../options';
import type { NamedTensors } from '../spaces';
import { checkSizes, weights } from './initial';
import { checkedModel, type Model } from './model';

export interface CnnOptions {
  /** Channels of the two convolutions. Default `[8, 16]`. */
  filters?: readonly [number, number];
  /** Default 10. */
  classes?: number;
}

const SIDE = 28;

/**
 * A small convolutional network on 28 × 28 images: 5 × 5 convolution, relu, 2 × 2 max pool; 5 × 5
 * convolution, relu, 2 × 2 max pool; dense.
 *
 * Inputs are flat, [batch, 784]. Parameters `K1` [5, 5, 1, f₁], `c1` [f₁], `K2` [5, 5, f₁, f₂],
 * `c2` [f₂], `W` [49 f₂, classes], `b` [classes].
 *
 * @throws InputError for filters that are not two positive whole numbers, or such classes.
 */
export function cnn(options: CnnOptions = {}): Model {
  checkNoMore('cnn', arguments, 1);
  checkOptionNames('cnn', options, ['filters', 'classes']);
  const { filters = [8, 16], classes = 10 } = options;
  const [f1, f2] = checkPair(filters);
  checkSizes({ filters: f1, 'filters, second': f2, classes });
  const flat = (SIDE / 4) ** 2 * f2;
  const shapes = {
    K1: [5, 5, 1, f1],
    c1: [f1],
    K2: [5, 5, f1, f2],
    c2: [f2],
    W: [flat, classes],
    b: [classes],
  };
  return checkedModel({
    name: `cnn ${f1}-${f2}`,
    shapes,
    features: SIDE ** 2,

    init(seed) {
      const stream = random(seed);
      return {
        K1: weights(shapes.K1, 'relu', stream),
        c1: tf.zeros(shapes.c1),
        K2: weights(shapes.K2, 'relu', stream),
        c2: tf.zeros(shapes.c2),
        W: weights(shapes.W, 'output', stream),
        b: tf.zeros(shapes.b),
      };
    },

    predict: ({ W, b, ...filters }, x) =>
      tf.tidy(() => tf.add(tf.matMul(cnnFeatures(filters, x), W!), b!) as tf.Tensor2D),
  });
}

function checkPair(filters: readonly [number, number]) {
  if (Array.isArray(filters) && filters.length === 2) return filters;
  throw new InputError({
    given: `${phrase(filters)} as the filters of cnn`,
    expected: 'the channels of its two convolutions',
    remedy: 'Pass two whole numbers: [8, 16].',
  });
}

/** What the dense layer of a {@link cnn} sees, [batch, 49 f₂], from its `K1`, `c1`, `K2` and `c2`. */
export function cnnFeatures({ K1, c1, K2, c2 }: NamedTensors, x: tf.Tensor): tf.Tensor2D {
  return tf.tidy(() => {
    const stage = (a: tf.Tensor4D, K: tf.Tensor, c: tf.Tensor) =>
      tf.maxPool(
        tf.relu(tf.add(tf.conv2d(a, K as tf.Tensor4D, 1, 'same'), c)) as tf.Tensor4D,
        2,
        2,
        'same',
      );
    const image = tf.reshape(x, [-1, SIDE, SIDE, 1]) as tf.Tensor4D;
    const a = stage(stage(image, K1!, c1!), K2!, c2!);
    return tf.reshape(a, [-1, (SIDE / 4) ** 2 * K2!.shape[3]!]) as tf.Tensor2D;
  });
}
