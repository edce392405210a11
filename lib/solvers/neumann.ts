import { InputError } from '../errors';
import { checkNoMore, checkOptionNames, shown } from '../options';
import { checkCountOption } from './checks';
import { iterativeSolver } from './iterative';
import { largestEigenvalue, largestEigenvalueInTurns } from './largest-eigenvalue';
import { divideOrZero, type IterativeMethod, type LinearSystem } from './method';
import { richardson } from './richardson';
import type { LinearSolver } from './solver';
import { type TraceOption, traced } from './trace';

export interface NeumannOptions extends TraceOption {
  /** K, the number of terms, each one product with A. Default 20. */
  terms?: number;
  /** α, or `'auto'` for one over a bound of the largest eigenvalue. Default `'auto'`. */
  scale?: number | 'auto';
  /** The relative residual at which the sum is broken off. Default 0: all terms are added. */
  tolerance?: number;
  /** `τ ≥ 0`: solve `(A + τI) x = b`. Default 0. */
  damping?: number;
}

/** The products spent on `scale: 'auto'`. */
const LANCZOS_PRODUCTS = 8;

/**
 * The Neumann series: exactly K terms of `A⁻¹b = α Σₖ (I − αA)ᵏ b`, for k = 0, …, K − 1.
 *
 * For a symmetric positive definite A with the largest eigenvalue L and the condition number κ it
 * converges if `α L < 2`, with the error `(1 − 1/κ)ᴷ` for `α = 1/L`. A residual that grows from one
 * term to the next proves that it does not (or that A is not symmetric): the sum ends there with
 * the status `diverged`. With `scale: 'auto'`, 8 products more estimate L from above by Lanczos
 * steps from b. From a `start` the terms are those of its residual. K counts terms: K = 1 is `αb`;
 * in some other libraries K terms are called K − 1.
 *
 * When not to use it: to solve a system (`cg` is never worse after as many products). It is the
 * series that unrolling an inner gradient descent of step α truncates, and it stays unbiased when
 * every factor comes from a batch of its own. For A not symmetric: `fixedPoint`.
 *
 * @throws InputError for options out of range; NotFiniteError for a NaN in b or the start.
 * @see Lorraine, Vicol & Duvenaud, [Optimizing millions of hyperparameters by implicit
 *   differentiation](https://arxiv.org/abs/1911.02590), 2020 (the K terms of their
 *   [code](https://github.com/lorraine2/implicit-hyper-opt) are K + 1 here).
 */
export function neumann(options: NeumannOptions = {}): NeumannOptions & LinearSolver {
  checkNoMore('neumann', arguments, 1);
  checkOptionNames('neumann', options, ['terms', 'scale', 'tolerance', 'damping', 'trace']);
  const { terms = 20, scale = 'auto', tolerance = 0, damping = 0 } = options;
  checkCountOption('neumann', 'terms', terms);
  if (
    scale !== 'auto' &&
    !(typeof scale === 'number' && scale > 0 && scale < Number.POSITIVE_INFINITY)
  ) {
    throw new InputError({
      given: `neumann({ scale: ${typeof scale === 'string' ? `'${scale}'` : shown(scale)} })`,
      expected: "a positive number or 'auto'",
      remedy:
        'The series converges for scales below 2/L, L the largest eigenvalue; 1/L is a good one.',
    });
  }
  const record = {
    name: 'neumann',
    terms,
    scale,
    tolerance,
    damping,
    ...traced('neumann', options),
  };
  const alpha = <V, S>(system: LinearSystem<V, S>, r: V): S => {
    const { space } = system;
    if (scale !== 'auto') return space.scalars.of(scale);
    const bound = largestEigenvalue(system, r, LANCZOS_PRODUCTS);
    return divideOrZero(space, space.scalars.of(1), bound);
  };
  const method = richardson(alpha, { contracts: true });
  if (scale !== 'auto') return iterativeSolver(record, method, terms);
  return iterativeSolver(record, { ...method, prepare: scaled }, terms);
}

/** The series with α from the eigenvalues of a system, which takes products of its own. */
function* scaled<V, S>(
  system: LinearSystem<V, S>,
  r: V,
): Generator<readonly S[], IterativeMethod, number[]> {
  const bound = yield* largestEigenvalueInTurns(system, r, LANCZOS_PRODUCTS);
  const alpha = bound > 0 ? 1 / bound : 0;
  return richardson(({ space }) => space.scalars.of(alpha), { contracts: true });
}
