import { checkNoMore, checkOptionNames } from '../options';
import { checkCountOption } from './checks';
import { iterativeSolver } from './iterative';
import { minimalResiduals } from './minimal-residuals';
import type { LinearSolver } from './solver';
import { type TraceOption, traced } from './trace';

export interface MinresOptions extends TraceOption {
  /** The relative residual that counts as solved. Default 1e-6. */
  tolerance?: number;
  /** The largest number of iterations, each one product with A. Default 100. */
  maxIterations?: number;
  /** `τ ≥ 0`: solve `(A + τI) x = b`. Default 0. */
  damping?: number;
}

/**
 * Minimal residuals: solves `A x = b` for a symmetric A, definite or not.
 *
 * Iterate k has the smallest `‖b − A x‖` in the Krylov space of `b, Ab, …, Aᵏ⁻¹b`, so the residual
 * never grows; two directions and their images are held, whatever k is. A singular, consistent
 * system is solved; of an inconsistent one the iterates tend to a least-squares solution, with the
 * status `max-iterations`.
 *
 * When not to use it: A positive definite (`cg` holds less than half as much, and reports when A is not), A not
 * symmetric (`gmres`), or a descent direction wanted: at a saddle it walks straight to it.
 *
 * @throws InputError for options out of range; NotFiniteError for a NaN in b or the start.
 * @see Paige & Saunders, [Solution of sparse indefinite systems of linear
 *   equations](https://doi.org/10.1137/0712047), 1975, for what is minimised; here by orthonormal
 *   images of the directions, not by Lanczos vectors and rotations, whose residual is too small
 *   once A is found singular.
 */
export function minres(options: MinresOptions = {}): MinresOptions & LinearSolver {
  checkNoMore('minres', arguments, 1);
  checkOptionNames('minres', options, ['tolerance', 'maxIterations', 'damping', 'trace']);
  const { tolerance = 1e-6, maxIterations = 100, damping = 0 } = options;
  checkCountOption('minres', 'maxIterations', maxIterations);
  const record = {
    name: 'minres',
    tolerance,
    maxIterations,
    damping,
    ...traced('minres', options),
  };
  return iterativeSolver(record, minimalResiduals(2), maxIterations);
}
