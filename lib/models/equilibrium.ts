import * as tf from '@tensorflow/tfjs';
import { compiledMap, isolated } from '../autodiff';
import { InputError } from '../errors';
import { argmin } from '../hypergradients';
import { random } from '../numbers';
import { checkNoMore, checkOptionNames, shown } from '../options';
import { fixedPoint } from '../solvers';
import { checkSizes, weights } from './initial';
import { checkedModel, type Model } from './model';

export interface EquilibriumOptions {
  /** Default 784. */
  features?: number;
  /** Units of the state z. Default 200. */
  hidden?: number;
  /** Default 10. */
  classes?: number;
  /** q < 1: the map's slope in z is at most q. Default .9. */
  contraction?: number;
  /** Steps towards the fixed point, each one product with A. Default 20. */
  steps?: number;
  /** The most products of the backward solve, and the relative residual that ends it. Default 50 and 1e-3. */
  backward?: { maxIterations?: number; tolerance?: number };
}

const NAMES = ['features', 'hidden', 'classes', 'contraction', 'steps', 'backward'];

/** Power steps that estimate the largest singular value of a matrix. */
const POWER_STEPS = 10;

/**
 * An equilibrium model: the state is where the map `z ↦ tanh(z A + x B + c)` comes to rest, the logits
 * are `z V + d`.
 *
 * Its derivative is that of the fixed point, by one linear solve `(I − Jᵀ) v = u` with the Jacobian J
 * of the map: memory does not grow with the steps that led there. So that there is exactly one fixed
 * point, `A = M · min(1, q/σ)` with σ the largest singular value of the parameter M, estimated by
 * power steps (a little too small); after T steps the state is within `qᵀ` of its first distance.
 *
 * Inputs are flat, [batch, features]. Parameters `M` [hidden, hidden], `B` [features, hidden], `c`
 * [hidden], `V` [hidden, classes], `d` [classes].
 *
 * @throws InputError for a contraction outside (0, 1), and for sizes that are not positive whole numbers.
 * @see Bai, Kolter & Koltun, [Deep equilibrium models](https://arxiv.org/abs/1909.01377), 2019;
 *   Grazzi et al., [On the iteration complexity of hypergradient
 *   computation](https://arxiv.org/abs/2006.16218), 2020 (on MNIST).
 */
export function equilibrium(options: EquilibriumOptions = {}): Model {
  checkNoMore('equilibrium', arguments, 1);
  checkOptionNames('equilibrium', options, NAMES);
  const { features = 784, hidden = 200, classes = 10, contraction = 0.9, steps = 20 } = options;
  if (!(typeof contraction === 'number' && contraction > 0 && contraction < 1)) {
    throw new InputError({
      given: `a contraction of ${shown(contraction)}`,
      expected: 'a number between 0 and 1',
      remedy: 'At 1 and beyond there may be no fixed point, or many.',
    });
  }
  checkSizes({ features, hidden, classes, steps });
  if (options.backward !== undefined) {
    checkOptionNames('equilibrium({ backward })', options.backward, ['maxIterations', 'tolerance']);
  }
  const { maxIterations = 50, tolerance = 1e-3 } = options.backward ?? {};
  const map = (z: tf.Tensor, A: tf.Tensor, driven: tf.Tensor) =>
    tf.tanh(tf.add(tf.matMul(z as tf.Tensor2D, A as tf.Tensor2D), driven));
  const rest = argmin(
    compiledMap((A: tf.Tensor, driven: tf.Tensor) => {
      let z = tf.tanh(driven);
      for (let t = 1; t < steps; t++) z = map(z, A, driven);
      return z;
    }),
    compiledMap((z: tf.Tensor, A: tf.Tensor, driven: tf.Tensor) => tf.sub(z, map(z, A, driven))),
    { solver: fixedPoint({ maxIterations, tolerance }) },
  );
  const shapes = {
    M: [hidden, hidden],
    B: [features, hidden],
    c: [hidden],
    V: [hidden, classes],
    d: [classes],
  };
  return checkedModel({
    name: `equilibrium ${features}-${hidden}-${classes}`,
    shapes,
    features,

    init(seed) {
      const stream = random(seed);
      return {
        M: weights(shapes.M, 'tanh', stream),
        B: weights(shapes.B, 'tanh', stream),
        c: tf.zeros(shapes.c),
        V: weights(shapes.V, 'output', stream),
        d: tf.zeros(shapes.d),
      };
    },

    predict: ({ M, B, c, V, d }, x) =>
      tf.tidy(() => {
        const driven = tf.add(tf.matMul(x, B!), c!);
        return tf.add(tf.matMul(rest(contracted(M!, contraction), driven), V!), d!) as tf.Tensor2D;
      }),
  });
}

/** `M · min(1, q/σ)`. */
function contracted(M: tf.Tensor, q: number): tf.Tensor {
  // The singular vectors count as constants: so σ = uᵀMv has the right derivative.
  const [u, v] = isolated(() => singularVectors(M as tf.Tensor2D));
  const sigma = tf.sum(tf.mul(u, tf.matMul(M as tf.Tensor2D, v)));
  return tf.mul(M, tf.div(q, tf.maximum(sigma, q)));
}

/** Of the largest singular value, as columns. */
function singularVectors(M: tf.Tensor2D): [tf.Tensor2D, tf.Tensor2D] {
  return tf.tidy(() => {
    const unit = (x: tf.Tensor2D) => tf.div(x, tf.add(tf.norm(x), 1e-12)) as tf.Tensor2D;
    let v = unit(tf.ones([M.shape[1], 1]));
    let u = unit(tf.matMul(M, v));
    for (let i = 1; i < POWER_STEPS; i++) {
      v = unit(tf.matMul(M, u, true));
      u = unit(tf.matMul(M, v));
    }
    return [u, v];
  });
}
