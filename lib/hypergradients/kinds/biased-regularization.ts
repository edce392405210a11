import * as tf from '@tensorflow/tfjs';
import { InputError } from '../../errors';
import { checkNoMore, checkOptionNames, shown } from '../../options';
import { mapTensors } from '../../spaces';
import { kindOf } from './kind';

export interface BiasedRegularizationOptions {
  /** β > 0, how strongly w is drawn to λ. */
  strength: number;
}

/**
 * A point that the weights are drawn to: `f = mean ℓ + ½ β ‖w − λ‖²`, λ in the shape of w, from 0.
 *
 * `B = −βI`, so unrolling it has no burn-in, and `H ⪰ β` wherever ℓ is convex.
 *
 * @throws InputError for a strength that is not positive.
 * @see Grazzi et al., [On the iteration complexity of hypergradient
 *   computation](https://arxiv.org/abs/2006.16218), 2020.
 */
export function biasedRegularization(options: BiasedRegularizationOptions) {
  checkNoMore('biasedRegularization', arguments, 1);
  checkOptionNames('biasedRegularization', options, ['strength']);
  const { strength } = options;
  if (!(typeof strength === 'number' && strength > 0 && strength < Number.POSITIVE_INFINITY)) {
    throw new InputError({
      given: `biasedRegularization({ strength: ${shown(strength)} })`,
      expected: 'a positive, finite number',
      remedy: 'At 0 the hyperparameters would have no influence.',
    });
  }
  return kindOf(
    { name: 'biasedRegularization', strength },
    {
      initial: (w) => mapTensors(w, ({ shape }) => tf.zeros(shape)),
      loss: (losses, w, λ, batch) =>
        tf.add(
          tf.mean(losses(w, batch)),
          tf.mul(
            strength / 2,
            tf.addN(Object.keys(w).map((name) => tf.sum(tf.square(tf.sub(w[name]!, λ[name]!))))),
          ),
        ) as tf.Scalar,
    },
    (w) => Object.fromEntries(Object.entries(w).map(([name, { shape }]) => [name, shape])),
  );
}
