import type * as tf from '@tensorflow/tfjs';
import { checkMethods, checkNoMore, checkOptionNames, checkRecord } from '../options';
import type { LinearOperator, NamedTensors, Vector } from '../spaces';
import type { InnerDerivatives } from './derivatives';

/** A bilevel problem as two losses of named tensors: weights w, hyperparameters λ. */
export interface LossProblem {
  /** The loss that w minimises. A method with minibatches finds them by the number of the step. */
  inner(w: NamedTensors, λ: NamedTensors, step: number): tf.Scalar;
  /** The loss that λ is to minimise. */
  outer(w: NamedTensors, λ: NamedTensors): tf.Scalar;
}

/** A bilevel problem by its derivatives, in double precision. */
export interface DerivativeProblem extends InnerDerivatives {
  outer(w: Float64Array, λ: Float64Array): OuterDerivatives;
}

/** An outer loss and its two partial gradients; `dλ` can be written `dlambda`. Of both, `dλ` counts. */
export type OuterDerivatives = { value: number; dw: Float64Array } & (
  | { dλ: Float64Array; dlambda?: Float64Array }
  | { dlambda: Float64Array; dλ?: never }
);

/** The form of a bilevel problem that goes with a kind of vector. */
export type UnrolledProblem<V extends Vector> = V extends Float64Array
  ? DerivativeProblem
  : LossProblem;

/**
 * A bilevel problem as two losses that see batches: `w*(λ) = argmin inner(w, λ)`, `outer(w*(λ), λ)`
 * is to be minimised. A batch is whatever the losses make of it.
 */
export interface BatchedProblem<B> {
  inner(w: NamedTensors, λ: NamedTensors, batch: B): tf.Scalar;
  outer(w: NamedTensors, λ: NamedTensors, batch: B): tf.Scalar;
}

/** The batches of one evaluation. */
export interface Batches<B> {
  /** Of A and B. */
  inner: B;
  /** Of `∂g/∂w` and `∂g/∂λ`. */
  outer: B;
  /**
   * Of the j-th product with A, from 1, with `implicit({ solver: neumann({ terms, scale }) })`.
   * Default: that of `inner` for all of them, which biases the result.
   */
  factors?(j: number): B;
}

/** The problem on these batches alone. */
export function onBatches<B>(
  problem: BatchedProblem<B>,
  batches: Pick<Batches<B>, 'inner' | 'outer'>,
) {
  checkNoMore('onBatches', arguments, 2);
  checkMethods(problem, 'the problem', ['inner', 'outer']);
  checkRecord(batches, 'the batches', '{ inner, outer }');
  checkOptionNames('the batches', batches, ['inner', 'outer', 'factors']);
  const { inner, outer } = batches;
  return {
    inner: (w: NamedTensors, λ: NamedTensors) => problem.inner(w, λ, inner),
    outer: (w: NamedTensors, λ: NamedTensors) => problem.outer(w, λ, outer),
  } satisfies LossProblem;
}

/** A problem in double precision that also gives its inner loss. */
export interface ValuedProblem extends DerivativeProblem {
  inner(w: Float64Array, λ: Float64Array): number;
}

/** A problem in double precision whose loss has a network in it may give these products too. */
export interface GaussNewtonProblem extends DerivativeProblem {
  /** `Jᵀ ∇²ℓ J`, with J the derivative of the network's output in w. */
  innerGaussNewton(w: Float64Array, λ: Float64Array): LinearOperator<Float64Array>;
}
