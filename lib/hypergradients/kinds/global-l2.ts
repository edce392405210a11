import * as tf from '@tensorflow/tfjs';
import { checkNoMore } from '../../options';
import { kindOf } from './kind';
import { type L2Options, l2Settings, penalised } from './l2';

/**
 * One squared penalty for all weights: `f = mean ℓ + ½ exp(λ) ‖w‖²`, λ as `{ penalty }`, a scalar.
 *
 * @throws InputError for a name that w does not have, or an initial value that is not finite.
 * @see Pedregosa, [Hyperparameter optimization with approximate
 *   gradient](https://arxiv.org/abs/1602.02355), 2016.
 */
export function globalL2(options: L2Options = {}) {
  checkNoMore('globalL2', arguments, 1);
  const { initial, names } = l2Settings('globalL2', options);
  return kindOf(
    { name: 'globalL2', initial, ...(names && { names }) },
    {
      initial(w) {
        penalised(w, names);
        return { penalty: tf.scalar(initial) };
      },
      loss(losses, w, λ, batch) {
        const squares = Object.values(penalised(w, names)).map((x) => tf.sum(tf.square(x)));
        const penalty = tf.mul(0.5, tf.mul(tf.exp(λ.penalty!), tf.addN(squares)));
        return tf.add(tf.mean(losses(w, batch)), penalty) as tf.Scalar;
      },
    },
    () => ({ penalty: [] }),
  );
}
