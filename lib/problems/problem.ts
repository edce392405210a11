import type * as tf from '@tensorflow/tfjs';
import { checkTensors, recordGradient } from '../autodiff';
import { InputError, ShapeError } from '../errors';
import { checkMethods, checkRecord } from '../options';
import { type LinearOperator, mapTensors, type NamedTensors, type Vector } from '../spaces';
import type { DerivativeProblem, LossProblem, UnrolledProblem } from './form';

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
  checkMethods(problem, 'the problem', ['inner', 'outer']);
  checkRecord(batches, 'the batches', '{ inner, outer }');
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

/**
 * @param batched whether the losses see batches
 * @throws InputError for a problem in the form that does not go with w.
 */
export function checkProblem(problem: unknown, w: Vector, batched: boolean): void {
  const isFloat64 = w instanceof Float64Array;
  if (isFloat64 && batched) {
    throw new InputError({
      given: 'batches for a problem in float64',
      expected: 'no batches',
      remedy:
        'Losses of tensors see batches; a float64 problem finds its own by the number of the step.',
    });
  }
  const names = isFloat64
    ? ['innerGradient', 'innerHessian', 'innerMixed', 'outer']
    : ['inner', 'outer'];
  checkMethods(problem, 'the problem', names);
}

/** @throws InputError, ShapeError or DisposedError unless w and λ are live vectors of one kind. */
export function checkPair(w: unknown, λ: unknown, what = 'the hyperparameters λ'): void {
  checkVector(w, 'the weights w');
  checkVector(λ, what);
  if (w instanceof Float64Array === λ instanceof Float64Array) return;
  throw new ShapeError({
    given: `weights and ${what.replace(/^the | λ$/g, '')} of two kinds`,
    expected: 'both as Float64Arrays or both as named tensors',
    remedy: 'A problem has derivatives in float64, or losses of named tensors.',
  });
}

function checkVector(x: unknown, what: string): void {
  if (x instanceof Float64Array) {
    if (x.length > 0) return;
    throw new InputError({
      given: `an empty array as ${what}`,
      expected: 'at least one number',
      remedy: 'There is nothing to differentiate otherwise.',
    });
  }
  checkTensors(x, what);
}

/** The matrix of the linear system: the inner Hessian, or what replaces it. */
export type InnerCurvature = 'hessian' | 'gauss-newton';

/**
 * The curvature of the inner loss in w.
 *
 * @throws InputError for Gauss–Newton of a float64 problem that does not give it, or of a loss
 *   that marks no output.
 */
export function curvatureOf<V extends Vector>(
  problem: UnrolledProblem<V>,
  w: V,
  λ: V,
  curvature: InnerCurvature,
): LinearOperator<V> {
  const operator =
    w instanceof Float64Array
      ? float64Curvature(problem as DerivativeProblem, w, λ as Float64Array, curvature)
      : tensorCurvature(problem as LossProblem, w as NamedTensors, λ as NamedTensors, curvature);
  return operator as LinearOperator<Vector> as LinearOperator<V>;
}

function float64Curvature(
  problem: DerivativeProblem | GaussNewtonProblem,
  w: Float64Array,
  λ: Float64Array,
  curvature: InnerCurvature,
) {
  if (curvature === 'hessian') return problem.innerHessian(w, λ);
  if ('innerGaussNewton' in problem) return problem.innerGaussNewton(w, λ);
  throw new InputError({
    given: "curvature: 'gauss-newton' for a problem without innerGaussNewton",
    expected: 'its products, or the Hessian',
    remedy: "Give innerGaussNewton(w, λ), or use curvature: 'hessian'.",
  });
}

function tensorCurvature(
  problem: LossProblem,
  w: NamedTensors,
  λ: NamedTensors,
  curvature: InnerCurvature,
) {
  // Copies, so that a loss which also closes over the tensors of w sees those as constants.
  const copies = mapTensors(w, (value) => value.clone());
  try {
    return recordGradient(() => problem.inner(copies, λ, 1), copies, { curvature });
  } finally {
    for (const copy of Object.values(copies)) copy.dispose();
  }
}
