import * as tf from '@tensorflow/tfjs';
import { differentiate, sumTo } from './gradient';

/**
 * Derivatives of xᵖ where x is 0.
 *
 * `p xᵖ⁻¹` is 0 for p = 0, whatever x is; as computed it is 0 · ∞ at x = 0. So the gradient of x⁰, and
 * every later derivative of x, x², …, was NaN there. For the exponent it is `xᵖ log x`, which counts as 0
 * where x is not positive; the logarithm is not taken there, since its own derivative would be 0 / 0.
 */
export function repairPowers(): void {
  differentiate('Pow', {
    inputs: ['a', 'b'],
    output: true,
    gradient: (dy, [a, b, y]) => ({
      a: () => {
        const exponent = tf.cast(b!, 'float32');
        const isConstant = tf.logicalAnd(tf.equal(a!, 0), tf.equal(b!, 0));
        // 1 in place of 0, for x⁰ alone, of which nothing is left after the factor p.
        const base = tf.add(a!, tf.cast(isConstant, 'float32'));
        const slope = tf.mul(exponent, tf.pow(base, tf.sub(exponent, 1)));
        return sumTo(tf.mul(dy, slope), a!.shape);
      },
      b: () => {
        const isPositive = tf.greater(a!, 0);
        const base = tf.where(isPositive, tf.cast(a!, 'float32'), tf.ones(a!.shape));
        return sumTo(tf.mul(dy, tf.mul(y!, tf.log(base))), b!.shape);
      },
    }),
  });
}
