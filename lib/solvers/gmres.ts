import { checkNoMore, checkOptionNames } from '../options';
import { checkCountOption } from './checks';
import { iterativeSolver } from './iterative';
import { minimalResiduals } from './minimal-residuals';
import type { LinearSolver } from './solver';
import { type TraceOption, traced } from './trace';

export interface GmresOptions extends TraceOption {
  /** The relative residual that counts as solved. Default 1e-6. */
  tolerance?: number;
  /** The largest number of iterations, each one product with A. Default 100. */
  maxIterations?: number;
  /** After how many iterations the directions are forgotten; two vectors are held for each. Default 30. */
  restart?: number;
  /** `τ ≥ 0`: solve `(A + τI) x = b`. Default 0. */
  damping?: number;
}

/**
 * Restarted generalised minimal residuals: solves `A x = b` for any A, using only products.
 *
 * Iterate k has the smallest `‖b − A x‖` in the Krylov space of `r, Ar, …` since the last restart,
 * so the residual never grows. With `restart` at least the dimension it ends exactly; with less it
 * may stagnate, with the status `max-iterations`.
 *
 * Two vectors are held for each iteration since then, where Arnoldi's basis holds one and has x
 * only at the end.
 *
 * When not to use it: A symmetric (`cg`, `minres` hold a few vectors, not 2 × `restart`).
 *
 * @throws InputError for options out of range; NotFiniteError for a NaN in b or the start.
 * @see Saad & Schultz, [GMRES](https://doi.org/10.1137/0907058), 1986, for what is minimised;
 *   Jiránek & Rozložník, [Adaptive version of simpler
 *   GMRES](https://doi.org/10.1007/s11075-009-9311-1), 2010, for how.
 */
export function gmres(options: GmresOptions = {}): GmresOptions & LinearSolver {
  checkNoMore('gmres', arguments, 1);
  checkOptionNames('gmres', options, ['tolerance', 'maxIterations', 'restart', 'damping', 'trace']);
  const { tolerance = 1e-6, maxIterations = 100, restart = 30, damping = 0 } = options;
  checkCountOption('gmres', 'maxIterations', maxIterations);
  checkCountOption('gmres', 'restart', restart);
  const record = {
    name: 'gmres',
    tolerance,
    maxIterations,
    restart,
    damping,
    ...traced('gmres', options),
  };
  return iterativeSolver(record, minimalResiduals(restart, restart), maxIterations);
}
