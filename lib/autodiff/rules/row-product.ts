import type * as tf from '@tensorflow/tfjs';
import { copy, matMul as multiply } from '../kernels';
import type { Rule } from '../program';
import { matMul } from './matmul';
import { total } from './shapes';

/**
 * What a product `a W` becomes where W is given as `aᵀσ`; it has saved a, W and `K = a aᵀ`, or no K
 * where `K σ` is given in place of σ.
 */
export const ROW_PRODUCT = 'RowProduct';

/** The change is `ȧ W + K σ`; its transpose gives the coordinates of `aᵀu`, which are u. */
export const rowProduct: Rule = (step, tape) => {
  const { node, names } = step;
  const K = node.saved[2];
  const beside = names.includes('a') ? matMul({ ...step, names: ['a'] }, tape) : undefined;
  const weighed = (σ: tf.Tensor) => (K === undefined ? copy(σ) : multiply(K, σ, false, false));
  return {
    push: (tangents) => [
      total(tangents.map((t, i) => (names[i] === 'a' ? beside!.push([t])[0]! : weighed(t)))),
    ],
    pull: ([u]) => names.map((name) => (name === 'a' ? beside!.pull([u!])[0]! : u!)),
  };
};
