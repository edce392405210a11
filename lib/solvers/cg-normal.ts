import { checkNoMore, checkOptionNames } from '../options';
import { checkCountOption } from './checks';
import { iterativeSolver } from './iterative';
import {
  divideOrZero,
  type Iterate,
  type IterativeMethod,
  type LinearSystem,
  negate,
  ROUNDING,
} from './method';
import type { LinearSolver } from './solver';
import { type TraceOption, traced } from './trace';

export interface CgNormalOptions extends TraceOption {
  /** The relative residual `‖b − A x‖ / ‖b‖` that counts as solved. Default 1e-6. */
  tolerance?: number;
  /** The largest number of iterations, each a product with A and one with Aᵀ. Default 100. */
  maxIterations?: number;
  /** `τ ≥ 0`: solve `(A + τI) x = b`. Default 0. */
  damping?: number;
}

/**
 * Conjugate gradients on the normal equations `AᵀA x = Aᵀb`, never forming `AᵀA`.
 *
 * For any square A whose transpose can be applied; an operator without `transpose` is taken to be
 * symmetric (if it is not, the residual, which is always that of `A x = b`, seldom falls to the tolerance, and
 * the status shows it). The residual never grows. Where no solution exists the iterates tend to the
 * least-squares solution, with the status `max-iterations`.
 *
 * When not to use it: nearly always. The condition number is squared, and an iteration costs two
 * products; A symmetric calls for `cg` or `minres`, A not symmetric for `gmres`. It is for A far
 * from symmetric, of moderate condition, where the vectors that `gmres` holds do not fit.
 *
 * @throws InputError for options out of range; NotFiniteError for a NaN in b or the start.
 * @see Hestenes & Stiefel, [Methods of conjugate gradients for solving linear
 *   systems](https://doi.org/10.6028/jres.049.044), 1952; Björck, [Numerical Methods for Least
 *   Squares Problems](https://doi.org/10.1137/1.9781611971484), §7.4.
 */
export function cgNormal(options: CgNormalOptions = {}): CgNormalOptions & LinearSolver {
  checkNoMore('cgNormal', arguments, 1);
  checkOptionNames('cgNormal', options, ['tolerance', 'maxIterations', 'damping', 'trace']);
  const { tolerance = 1e-6, maxIterations = 100, damping = 0 } = options;
  checkCountOption('cgNormal', 'maxIterations', maxIterations);
  const record = {
    name: 'cgNormal',
    tolerance,
    maxIterations,
    damping,
    ...traced('cgNormal', options),
  };
  return iterativeSolver(record, leastSquares, maxIterations);
}

/**
 * p the direction, ρ = ‖Aᵀr‖², and ‖A‖² at least the largest ‖Aᵀr‖²/‖r‖² met, all of A divided by the
 * first ‖Aᵀr‖/‖r‖: `‖A p‖²` has the fourth power of A's unit, which vanishes or overflows early.
 */
const leastSquares: IterativeMethod = {
  isScaleFree: true,

  begin<V, S>({ space, A }: LinearSystem<V, S>, x: V, r: V): Iterate<V, S> {
    const { of, divide, less, select } = space.scalars;
    const pulled = A.transpose ? A.transpose(r) : A.apply(r);
    const [above, below] = [space.norm(pulled), space.norm(r)];
    const acts = less(of(0), above);
    const unit = select(acts, divide(below, select(acts, above, of(1))), of(1));
    const gradient = space.scale(unit, pulled);
    const residual = space.dot(r, r);
    const rho = space.dot(gradient, gradient);
    return {
      x,
      residual,
      curvature: of(1),
      vectors: { r, p: gradient },
      scalars: { rho, unit, normA: divideOrZero(space, rho, residual) },
    };
  },

  direction: <V, S>(_: LinearSystem<V, S>, { vectors }: Iterate<V, S>) => vectors.p!,

  advance<V, S>(
    { space, A }: LinearSystem<V, S>,
    { x, residual, ...memory }: Iterate<V, S>,
    p: V,
    Ap: V,
  ) {
    const { r } = memory.vectors as { r: V };
    const { rho, unit, normA } = memory.scalars as { rho: S; unit: S; normA: S };
    const { of, multiply, less, select } = space.scalars;

    // An Aᵀr of nothing but rounding: no x has a smaller residual.
    const floor = multiply(of((ROUNDING * space.epsilon) ** 2), multiply(normA, residual));
    const q = space.scale(unit, Ap);
    const step = divideOrZero(space, rho, space.dot(q, q));
    const alpha = select(less(floor, rho), step, of(0));
    const nextR = space.axpy(negate(space, alpha), q, r);
    const gradient = space.scale(unit, A.transpose ? A.transpose(nextR) : A.apply(nextR));
    const nextResidual = space.dot(nextR, nextR);
    const nextRho = space.dot(gradient, gradient);
    const ratio = divideOrZero(space, nextRho, nextResidual);
    return {
      x: space.axpy(multiply(alpha, unit), p, x),
      residual: nextResidual,
      curvature: of(1),
      vectors: { r: nextR, p: space.axpy(divideOrZero(space, nextRho, rho), p, gradient) },
      scalars: { rho: nextRho, unit, normA: select(less(normA, ratio), ratio, normA) },
    };
  },
};
