import { checkNoMore, checkOptionNames } from '../options';
import { checkCountOption } from './checks';
import { iterativeSolver } from './iterative';
import { richardson } from './richardson';
import type { LinearSolver } from './solver';
import { type TraceOption, traced } from './trace';

export interface FixedPointOptions extends TraceOption {
  /** The relative residual that counts as solved. Default 1e-6. */
  tolerance?: number;
  /** The largest number of iterations, each one product. Default 100. */
  maxIterations?: number;
}

/**
 * Fixed-point iteration: solves `A x = b` for `A = I − M` by `x ← M x + b`.
 *
 * It converges if the spectral radius of M is below 1, by that factor a step in the long run; M
 * need not be symmetric, and the residual may grow for a while. With `maxIterations` K the value is
 * the K-th iterate, from zero the K terms `Σ_{k<K} Mᵏ b`, unless the tolerance is met before; where
 * the residual has grown beyond all bounds it is the iterate of least residual, with the status
 * `diverged`. Make A from M with `identityMinus`.
 * For an equilibrium `x = Φ(x, θ)`, M is `∂ₓΦᵀ`, and one step is the Jacobian-free gradient.
 *
 * When not to use it: a spectral radius close to 1, or above (`gmres` needs no contraction).
 *
 * @throws InputError for options out of range; NotFiniteError for a NaN in b or the start.
 * @see Bai, Kolter & Koltun, [Deep equilibrium models](https://arxiv.org/abs/1909.01377), 2019;
 *   Grazzi et al., [On the iteration complexity of hypergradient
 *   computation](https://arxiv.org/abs/2006.16218), 2020.
 */
export function fixedPoint(options: FixedPointOptions = {}): FixedPointOptions & LinearSolver {
  checkNoMore('fixedPoint', arguments, 1);
  checkOptionNames('fixedPoint', options, ['tolerance', 'maxIterations', 'trace']);
  const { tolerance = 1e-6, maxIterations = 100 } = options;
  checkCountOption('fixedPoint', 'maxIterations', maxIterations);
  const record = { name: 'fixedPoint', tolerance, maxIterations, ...traced('fixedPoint', options) };
  const method = richardson(({ space }) => space.scalars.of(1), { sums: true });
  return iterativeSolver(record, method, maxIterations);
}
