import * as tf from '@tensorflow/tfjs';
import { isolated } from '../autodiff';
import { InputError } from '../errors';
import { checkNoMore, checkOptionNames, shown } from '../options';
import { float64 } from '../spaces';
import { constraintOf } from './constraint';

const { norm } = float64;

export interface BallOptions {
  /** r > 0. Default 1. */
  radius?: number;
}

/**
 * The ball `‖x‖₂ ≤ r` around 0, over all entries: `P(x) = x · min(1, r/‖x‖)`.
 *
 * Inside, its derivative is the identity; outside `(r/‖x‖)(I − x̂x̂ᵀ)` with `x̂ = x/‖x‖`.
 *
 * @throws InputError for a radius that is not positive.
 */
export function ball(options: BallOptions = {}) {
  checkNoMore('ball', arguments, 1);
  checkOptionNames('ball', options, ['radius']);
  const { radius = 1 } = options;
  if (!(typeof radius === 'number' && radius > 0 && radius < Number.POSITIVE_INFINITY)) {
    throw new InputError({
      given: `ball({ radius: ${shown(radius)} })`,
      expected: 'a positive, finite number',
      remedy: 'A ball of radius 0 is a point: fix the variable instead.',
    });
  }
  return constraintOf(
    { name: 'ball', radius },
    {
      float64(x) {
        const length = norm(x);
        return length <= radius ? x.slice() : x.map((value) => (value / length) * radius);
      },
      tensor: (x) =>
        tf.tidy(() => {
          // By the largest entry, so that no square overflows; both count as constants.
          const [unit, outside] = isolated(() =>
            tf.tidy(() => {
              const largest = tf.maximum(tf.max(tf.abs(x)), radius);
              const length = tf.mul(largest, tf.norm(tf.div(x, largest)));
              return [largest, tf.cast(tf.greater(length, radius), 'float32')] as [
                tf.Tensor,
                tf.Tensor,
              ];
            }),
          );
          const inside = tf.sub(1, outside);
          const relative = tf.div(x, unit);
          // 1 inside, where the root of 0 would have no derivative.
          const squared = tf.add(tf.mul(outside, tf.sum(tf.square(relative))), inside);
          const length = tf.sqrt(squared);
          const shrunk = tf.mul(radius, tf.div(relative, length));
          return tf.add(tf.mul(outside, shrunk), tf.mul(inside, x));
        }),
      derivative(x) {
        const length = norm(x);
        if (length <= radius) return (v) => v.slice();
        const unit = x.map((value) => value / length);
        return (v) => {
          const along = unit.reduce((sum, value, i) => sum + value * v[i]!, 0);
          return v.map((value, i) => (radius / length) * (value - along * unit[i]!));
        };
      },
    },
  );
}
