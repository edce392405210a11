import { type NamedTensors, spaceFor, type Vector } from '../spaces';
import { float64Form } from './float64-form';
import type { Form } from './form-types';
import type { DerivativeProblem, LossProblem, UnrolledProblem } from './problem';
import { tensorForm } from './tensor-form';

/**
 * The one form that both kinds of problem have, at λ.
 *
 * @throws InputError for a problem in the form that does not go with the vectors.
 */
export function formOf<V extends Vector>(problem: UnrolledProblem<V>, λ: V): Form<V>;
export function formOf(
  problem: UnrolledProblem<Vector>,
  λ: Vector,
): Form<Float64Array> | Form<NamedTensors> {
  spaceFor(λ, 'the hyperparameters λ');
  return λ instanceof Float64Array
    ? float64Form(problem as DerivativeProblem, λ)
    : tensorForm(problem as LossProblem, λ);
}
