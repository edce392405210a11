import { InputError } from '../errors';
import { checkFunction, checkNoMore, checkOptionNames, phrase, remedyOf } from '../options';
import type { DerivativeProblem, LossProblem } from '../problems';
import { type BatchedProblem, type Batches, checkPair, checkProblem, onBatches } from '../problems';
import type { NamedTensors } from '../spaces';
import type { DifferentiateUnrolled, UnrolledDerivative } from '../unrolling';
import type { DifferentiateImplicit } from './implicit';
import type { DifferentiateOptions, ImplicitDerivative } from './implicit-options';

/** How to differentiate, as a value: `implicit(…)` or `unrolled(…)`. */
export type Differentiation = DifferentiateImplicit | DifferentiateUnrolled;

/** What a way of differentiating returns. */
export type Hypergradient<V, How extends Differentiation> = How extends DifferentiateImplicit
  ? ImplicitDerivative<V>
  : UnrolledDerivative<V>;

/**
 * The derivative of the outer loss with respect to the hyperparameters,
 * `d/dλ g(w*(λ), λ) = ∂g/∂λ − Bᵀ A⁻¹ ∂g/∂w` at `w* = argmin_w f(w, λ)`, or its unrolled approximation.
 *
 * @param problem losses of named tensors, or derivatives in float64
 * @param w with `implicit`, the inner solution at λ, or an approximation; with `unrolled`, w₀
 * @param λ the hyperparameters; like w they are left as they were, and may be freed while the result is
 *   waited for
 * @param how `implicit({ solver, curvature })` or `unrolled({ method, steps })`
 * @param options `batch`: what the losses get as third argument, for problems that see batches; the
 *   same inner batch for the Hessian and for B, unless `batch.factors` gives every product of a
 *   Neumann series its own. With one batch the mean over batches is not the hypergradient: the
 *   inverse of a mean is not the mean of the inverses.
 *   `start`: with `implicit`, an earlier `adjoint` for a warm start
 * @returns `value` (dg/dλ, the shape of λ), `adjoint` (implicit: `A⁻¹ ∂g/∂w`; unrolled: dE/dw₀, in
 *   reverse mode through all steps), `w` (unrolled: the weights after the last step) and `stats`; vectors
 *   are the caller's
 * @throws InputError or ShapeError for what does not fit; NotFiniteError for a NaN
 *
 * @see Pedregosa, [Hyperparameter optimization with approximate
 *   gradient](https://arxiv.org/abs/1602.02355), 2016.
 */
export function hypergradient<How extends Differentiation>(
  problem: DerivativeProblem,
  w: Float64Array,
  λ: Float64Array,
  how: How,
  options?: { start?: Float64Array },
): Promise<Hypergradient<Float64Array, How>>;
export function hypergradient<How extends Differentiation>(
  problem: LossProblem,
  w: NamedTensors,
  λ: NamedTensors,
  how: How,
  options?: { start?: NamedTensors },
): Promise<Hypergradient<NamedTensors, How>>;
export function hypergradient<B, How extends Differentiation>(
  problem: BatchedProblem<B>,
  w: NamedTensors,
  λ: NamedTensors,
  how: How,
  options: { batch: Batches<B>; start?: NamedTensors },
): Promise<Hypergradient<NamedTensors, How>>;
export async function hypergradient(
  problem: DerivativeProblem | LossProblem | BatchedProblem<unknown>,
  w: Float64Array | NamedTensors,
  λ: Float64Array | NamedTensors,
  how: Differentiation,
  options: { batch?: Batches<unknown>; start?: Float64Array | NamedTensors } = {},
): Promise<unknown> {
  checkNoMore('hypergradient', arguments, 5);
  checkOptionNames('hypergradient', options, ['batch', 'start']);
  const { batch, start } = options;
  checkHow(how, start, batch);
  checkPair(w, λ);
  checkProblem(problem, w, batch !== undefined);
  if (start !== undefined) checkPair(w, start, 'the start');
  const seen = problem as BatchedProblem<unknown>;
  const losses = batch === undefined ? problem : onBatches(seen, batch);
  // The overloads have paired the problem with its vectors; each way checks the pairing again.
  const args = [losses as LossProblem, w as NamedTensors, λ as NamedTensors] as const;
  if (how.name === 'unrolled') return how.differentiate(...args);
  const given: DifferentiateOptions<NamedTensors> = {};
  if (start !== undefined) given.start = start as NamedTensors;
  if (batch?.factors !== undefined) {
    given.factors = (j) => onBatches(seen, { ...batch, inner: batch.factors!(j) });
  }
  return how.differentiate(...args, given);
}

function checkHow(how: Differentiation, start: unknown, batch: Batches<unknown> | undefined): void {
  if (typeof how?.differentiate !== 'function') {
    throw new InputError({
      given: `${phrase(how)} as the way of differentiating`,
      expected: 'implicit({ solver }) or unrolled({ method, steps })',
      remedy: remedyOf(how, 'Pass one as the fourth argument.'),
    });
  }
  if (batch !== undefined) {
    checkOptionNames('batch', batch, ['inner', 'outer', 'factors']);
    if (batch.factors !== undefined) checkFunction(batch.factors, 'batch.factors');
  }
  if (how.name !== 'unrolled' || (start === undefined && batch?.factors === undefined)) return;
  throw new InputError({
    given: `${start === undefined ? 'batch.factors' : 'start'} with unrolled()`,
    expected: `${start === undefined ? 'batch.factors' : 'start'} with implicit() only`,
    remedy: 'Unrolling starts from w itself and solves no linear system; leave it out.',
  });
}
