import { InputError, NotFiniteError, ShapeError } from '../../errors';
import { checkFloat64 } from '../../options';
import { float64 } from '../../spaces';
import type { InnerDerivatives } from '../derivatives';
import { solvePositive } from './solve-positive';

/** An outer loss `g(w, λ)` with its two partial derivatives. */
export interface OuterLoss {
  value: number;
  dw: Float64Array;
  dλ: Float64Array;
  /** dλ by another name: the problems of the library give both, one of your own need not. */
  dlambda?: Float64Array;
}

/**
 * The loss with its derivatives, that with respect to λ under both of its names.
 *
 * @param later computes the value when it is first read: a hypergradient does not need it
 */
export function outerLoss(later: () => number, dw: Float64Array, dλ: Float64Array): OuterLoss {
  let value: number | undefined;
  return {
    get value() {
      value ??= later();
      return value;
    },
    dw,
    dλ,
    dlambda: dλ,
  };
}

/**
 * A bilevel problem in double precision whose answers are known:
 * minimise `g(w*(λ), λ)` over λ, where `w*(λ) = argmin_w f(w, λ)`.
 */
export interface KnownBilevel extends InnerDerivatives {
  /** How many weights w and hyperparameters λ there are. */
  readonly weights: number;
  readonly hyperparameters: number;
  /** `f(w, λ)`. */
  inner(w: Float64Array, λ: Float64Array): number;
  outer(w: Float64Array, λ: Float64Array): OuterLoss;
  /** `w*(λ)`, to rounding. */
  solution(λ: Float64Array): Float64Array;
  /** `dg(w*(λ), λ)/dλ`, to rounding. */
  hypergradient(λ: Float64Array): Float64Array;
}

/**
 * Completes a problem with the hypergradient at its solution,
 * `dλ − Bᵀ H⁻¹ dw` with `H = ∂²f/∂w²`, `B = ∂²f/∂w∂λ`, by Cholesky's factorization.
 */
export function withHypergradient(problem: Omit<KnownBilevel, 'hypergradient'>): KnownBilevel {
  return {
    ...problem,
    hypergradient(λ) {
      const w = problem.solution(λ);
      const { dw, dλ } = problem.outer(w, λ);
      const adjoint = solvePositive(problem.innerHessian(w, λ), dw);
      return float64.subtract(dλ, problem.innerMixed(w, λ).vjp(adjoint));
    },
  };
}

/**
 * Checks hyperparameters that must not be negative.
 *
 * @throws ShapeError, NotFiniteError or InputError
 */
export function requirePenalties(λ: Float64Array, count: number): void {
  requireLength(λ, count, 'λ');
  λ.forEach((value, i) => {
    if (!Number.isFinite(value)) {
      throw new NotFiniteError({
        given: `λ[${i}] = ${value}`,
        expected: 'finite penalties',
        remedy: 'Look at the outer step that led here: it may have been too long.',
      });
    }
    if (value < 0) {
      throw new InputError({
        given: `λ[${i}] = ${value}`,
        expected: 'penalties of at least 0',
        remedy: 'Keep them positive by their logarithm: logarithmic(problem).',
      });
    }
  });
}

/** @throws ShapeError unless the vector has that many entries. */
export function requireLength(vector: Float64Array, length: number, what: string): void {
  checkFloat64(vector, what);
  if (vector.length === length) return;
  throw new ShapeError({
    given: `${what} of length ${vector.length}`,
    expected: `length ${length}`,
    remedy: 'Look at the weights and hyperparameters of the problem.',
  });
}
