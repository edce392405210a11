import * as tf from '@tensorflow/tfjs';
import { valueAndGradient } from '../autodiff';
import { InputError } from '../errors';
import { checkRecord } from '../options';
import { type NamedTensors, spaceOf, type Vector } from '../spaces';
import type { InnerDerivatives } from './derivatives';
import { float64Field, type GradientField, join, split, tensorField } from './field';

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

/** An outer loss and its two partial gradients; `dλ` can be written `dlambda`. */
export type OuterDerivatives = { value: number; dw: Float64Array } & (
  | { dλ: Float64Array; dlambda?: never }
  | { dlambda: Float64Array; dλ?: never }
);

/** The form of a bilevel problem that goes with a kind of vector. */
export type UnrolledProblem<V extends Vector> = V extends Float64Array
  ? DerivativeProblem
  : LossProblem;

/** The partial gradients of the outer loss, and what it has marked by `markAuxiliary`. */
export interface OuterGradients<V> {
  dw: V;
  dλ: V;
  auxiliary?: NamedTensors;
}

/** What unrolling needs of a bilevel problem at λ, in either form. */
export interface Objective<V> {
  field: GradientField<V>;
  /** The gradients of the outer loss at w, which belong to the caller. */
  outer(w: V): OuterGradients<V>;
}

/** @throws InputError for a problem in the form that does not go with the vectors. */
export function objectiveOf<V extends Vector>(problem: UnrolledProblem<V>, λ: V): Objective<V> {
  spaceOf(λ);
  const objective =
    λ instanceof Float64Array
      ? float64Objective(problem as DerivativeProblem, λ)
      : tensorObjective(problem as LossProblem, λ as NamedTensors);
  return objective as unknown as Objective<V>;
}

function float64Objective(problem: DerivativeProblem, λ: Float64Array): Objective<Float64Array> {
  requireFunctions(problem, ['innerGradient', 'innerHessian', 'innerMixed', 'outer']);
  return { field: float64Field(problem, λ), outer: (w) => gradientsOf(problem.outer(w, λ)) };
}

function gradientsOf({ dw, dλ, dlambda }: OuterDerivatives): OuterGradients<Float64Array> {
  return { dw, dλ: dλ ?? dlambda };
}

function tensorObjective(problem: LossProblem, λ: NamedTensors): Objective<NamedTensors> {
  requireFunctions(problem, ['inner', 'outer']);
  return {
    field: tensorField((w, λ, step) => problem.inner(w, λ, step), λ, problem.inner),
    outer: (w) =>
      tf.tidy(() => {
        const loss = (both: NamedTensors) => {
          const parts = split(both);
          return problem.outer(parts.w, parts.λ);
        };
        const { gradient, auxiliary } = valueAndGradient(loss, join(w, λ));
        const { w: dw, λ: dλ } = split(gradient);
        return auxiliary === undefined ? { dw, dλ } : { dw, dλ, auxiliary };
      }),
  };
}

function requireFunctions<K extends string>(problem: Record<K, unknown>, names: K[]): void {
  checkRecord(problem, 'the problem', `the functions ${names.join(', ')}`);
  const missing = names.find((name) => typeof problem[name] !== 'function');
  if (missing === undefined) return;
  throw new InputError({
    given: `a problem without the function '${missing}'`,
    expected: `the functions ${names.join(', ')}`,
    remedy: 'Named tensors go with losses, Float64Arrays with derivatives.',
  });
}
