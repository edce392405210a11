import { checkNoMore, checkOptionNames, checkPositive } from '../options';
import type { Term } from './arithmetic';
import { type Coefficient, minus, over, times } from './learned';
import { asMethod, checkMemory, type Iteration } from './method';
import { checkSetting, coefficients, products, type Setting } from './setting';

export interface AdamOptions {
  /** Default 0.9. */
  beta1?: Setting;
  /** Default 0.999. */
  beta2?: Setting;
  /** Default 1e-7, as in TensorFlow.js. */
  epsilon?: Setting;
}

/**
 * Adam as a functional step, which can be differentiated: `tf.train.adam` assigns variables.
 *
 * `m ← β₁m + (1 − β₁)g`, `v ← β₂v + (1 − β₂)g²`, `x ← x − r m̂/(√v̂ + ε)` with the biases of m and v
 * corrected, by `Π βᵢ` where β changes from step to step. Where a gradient has always been 0, √v̂ has no derivative; there 0 is taken, which
 * gives the derivative of `g/(|g| + ε)`, `1/ε`.
 *
 * When not to use it: unrolled where gradients are near 0, that derivative is enormous, and exact.
 *
 * @param rate the step length, r > 0
 * @throws InputError for a rate or an ε that is not positive or a β outside [0, 1).
 * @see Kingma and Ba, [Adam: a method for stochastic
 *   optimization](https://arxiv.org/abs/1412.6980), 2015, algorithm 1.
 */
export function adam(rate: Setting, options: AdamOptions = {}) {
  checkNoMore('adam', arguments, 2);
  checkOptionNames('adam', options, ['rate', 'beta1', 'beta2', 'epsilon']);
  const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-7 } = options;
  checkSetting(rate, 'a rate', checkPositive);
  checkSetting(beta1, 'beta1', checkMemory);
  checkSetting(beta2, 'beta2', checkMemory);
  checkSetting(epsilon, 'epsilon', checkPositive);
  return asMethod({ name: 'adam', rate, beta1, beta2, epsilon }, (_, resolve): Iteration => {
    const r = coefficients(rate, 'a rate', checkPositive, resolve);
    const b1 = coefficients(beta1, 'beta1', checkMemory, resolve);
    const b2 = coefficients(beta2, 'beta2', checkMemory, resolve);
    const eps = coefficients(epsilon, 'epsilon', checkPositive, resolve);
    const [power1, power2] = [products(b1), products(b2)];
    return {
      begin: (x) => ({ x }),
      step: (t, { x, m, v }, gradient, { combine, multiply, divide, sqrt, shift }) => {
        const g = gradient(x);
        const average = <V>(beta: Coefficient, before: V | undefined, now: V): Term<V>[] => {
          const fresh: Term<V> = [minus(1, beta), now];
          return before === undefined ? [fresh] : [[beta, before], fresh];
        };
        const nextM = combine(average(b1(t), m, g));
        const nextV = combine(average(b2(t), v, multiply(g, g)));
        const root = sqrt(combine([[over(1, minus(1, power2(t))), nextV]]));
        const direction = divide(nextM, shift(root, eps(t)));
        const length = over(r(t), minus(1, power1(t)));
        return {
          x: combine([
            [1, x],
            [times(-1, length), direction],
          ]),
          m: nextM,
          v: nextV,
        };
      },
    };
  });
}
