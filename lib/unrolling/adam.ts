import { checkOptionNames } from '../options';
import { asMethod, type Iteration, requireFraction, requirePositive } from './method';

export interface AdamOptions {
  /** Default 0.9. */
  beta1?: number;
  /** Default 0.999. */
  beta2?: number;
  /** Default 1e-7, as in TensorFlow.js. */
  epsilon?: number;
}

/**
 * Adam as a functional step, which can be differentiated: `tf.train.adam` assigns variables.
 *
 * `m ← β₁m + (1 − β₁)g`, `v ← β₂v + (1 − β₂)g²`, `x ← x − r m̂/(√v̂ + ε)` with the biases of m and v
 * corrected. Where a gradient has always been 0, √v̂ has no derivative; there 0 is taken, which
 * gives the derivative of `g/(|g| + ε)`, `1/ε`.
 *
 * When not to use it: unrolled where gradients are near 0, that derivative is enormous, and exact.
 *
 * @param rate the step length, r > 0
 * @throws InputError for a rate or an ε that is not positive or a β outside [0, 1).
 * @see Kingma and Ba, Adam: a method for stochastic optimization, 2015, algorithm 1.
 */
export function adam(rate: number, options: AdamOptions = {}) {
  checkOptionNames('adam', options, ['rate', 'beta1', 'beta2', 'epsilon']);
  const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-7 } = options;
  requirePositive(rate, 'a rate');
  requireFraction(beta1, 'beta1');
  requireFraction(beta2, 'beta2');
  requirePositive(epsilon, 'epsilon');
  return asMethod(
    { name: 'adam', rate, beta1, beta2, epsilon },
    (): Iteration => ({
      begin: (x) => ({ x }),
      step: (t, { x, m, v }, gradient, { combine, multiply, divide, sqrt, shift }) => {
        const g = gradient(x);
        const square = multiply(g, g);
        const nextM = combine(
          m === undefined
            ? [[1 - beta1, g]]
            : [
                [beta1, m],
                [1 - beta1, g],
              ],
        );
        const nextV = combine(
          v === undefined
            ? [[1 - beta2, square]]
            : [
                [beta2, v],
                [1 - beta2, square],
              ],
        );
        const root = sqrt(combine([[1 / (1 - beta2 ** t), nextV]]));
        const direction = divide(nextM, shift(root, epsilon));
        const length = rate / (1 - beta1 ** t);
        return {
          x: combine([
            [1, x],
            [-length, direction],
          ]),
          m: nextM,
          v: nextV,
        };
      },
    }),
  );
}
