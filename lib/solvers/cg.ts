import { InputError } from '../errors';
import { checkNoMore, checkOptionNames, quoted } from '../options';
import { apart, type LinearOperator, type LoopStop, type Space, type Vector } from '../spaces';
import { checkCountOption, checkPreconditioner, checkProduct } from './checks';
import { iterativeSolver } from './iterative';
import {
  freeingIfItThrows,
  type Iterate,
  type IterativeMethod,
  type LinearSystem,
  negate,
} from './method';
import type { LinearSolver } from './solver';
import { type TraceOption, traced } from './trace';

export interface CgOptions extends TraceOption {
  /** The relative residual that counts as solved. Default 1e-6. */
  tolerance?: number;
  /** The largest number of iterations, each one product with A. Default 100. */
  maxIterations?: number;
  /** `τ ≥ 0`: solve `(A + τI) x = b`. Default 0. */
  damping?: number;
  /**
   * Which iterate is the best, and so the result of a solve that is cut off: the one of least
   * residual `‖b − A x‖` (default), or of least energy `½ xᵀAx − bᵀx`, which is the last one. Where
   * x is a step that should lower a loss, choose the energy: it falls with every iteration, while
   * the residual may grow for many.
   */
  best?: 'residual' | 'energy';
  /** Products with an approximate inverse `M ≈ (A + τI)⁻¹`, symmetric and positive definite. */
  preconditioner?: LinearOperator<Vector>;
}

/**
 * Conjugate gradients: solves `A x = b` for a symmetric positive definite A, using only products.
 *
 * Iterate k minimises `½ xᵀAx − bᵀx` over the Krylov space of `b, Ab, …, Aᵏ⁻¹b`; with condition
 * number κ its error in the norm of A is at most `2((√κ − 1)/(√κ + 1))ᵏ` of the first. With
 * `damping` τ the matrix is `A + τI`. A direction with `pᵀAp ≤ 0` shows that A is not positive
 * definite, and a value below the `floor` of an operator that the operator is not the intended one: it stops
 * there with the status `negative-curvature` and the best iterate before it.
 *
 * When not to use it: A not symmetric (`gmres`), or symmetric and indefinite (`minres`).
 *
 * @throws InputError for options out of range; NotFiniteError for a NaN in b or the start.
 * @see Hestenes & Stiefel, [Methods of conjugate gradients for solving linear
 *   systems](https://doi.org/10.6028/jres.049.044), 1952; Saad, [Iterative Methods for Sparse
 *   Linear Systems](https://www-users.cse.umn.edu/~saad/IterMethBook_2ndEd.pdf), 2nd ed., §6.7 and
 *   §9.2.
 */
export function cg(options: CgOptions = {}): CgOptions & LinearSolver {
  checkNoMore('cg', arguments, 1);
  checkOptionNames('cg', options, [
    'tolerance',
    'maxIterations',
    'damping',
    'best',
    'preconditioner',
    'trace',
  ]);
  const { tolerance = 1e-6, maxIterations = 100, damping = 0, best, preconditioner } = options;
  checkCountOption('cg', 'maxIterations', maxIterations);
  checkBest(best);
  checkPreconditioner('cg', preconditioner);
  const record = { name: 'cg', tolerance, maxIterations, damping, ...traced('cg', options) };
  return iterativeSolver(
    { ...record, ...(best && { best }), ...(preconditioner && { preconditioner }) },
    { ...conjugateGradients(preconditioner), minimisesEnergy: best === 'energy' },
    maxIterations,
  );
}

function checkBest(best: unknown): void {
  if (best === undefined || best === 'residual' || best === 'energy') return;
  throw new InputError({
    given: `cg({ best: ${quoted(best)} })`,
    expected: "'residual' or 'energy'",
    remedy: 'The residual measures how well the system is solved, the energy how far a loss falls.',
  });
}

/** z = M r, p the direction, ρ = rᵀz. */
export function conjugateGradients(preconditioner?: LinearOperator<Vector>): IterativeMethod {
  const M = preconditioner && apart(preconditioner as LinearOperator<unknown>);
  const precondition = <V, S>(space: Space<V, S>, r: V): V => {
    if (M === undefined) return r;
    const z = M.apply(r) as V;
    checkProduct(space, z, r, 'a product of the preconditioner');
    return z;
  };

  return {
    isScaleFree: true,
    begin<V, S>({ space }: LinearSystem<V, S>, x: V, r: V): Iterate<V, S> {
      const z = precondition(space, r);
      return {
        x,
        residual: space.dot(r, r),
        curvature: space.scalars.of(1),
        vectors: { r, p: z },
        scalars: { rho: space.dot(r, z) },
      };
    },

    direction: <V, S>(_: LinearSystem<V, S>, { vectors }: Iterate<V, S>) => vectors.p!,

    advanceMany: (system, iterate, numbers, stop) =>
      preconditioner ? undefined : advanceMany(system, iterate, numbers, stop),

    advance({ space, A }, { x, vectors, scalars }, p, q) {
      const [r, rho] = [vectors.r!, scalars.rho!];
      const s = space.scalars;

      const along = space.dot(p, q);
      const alpha = s.divide(rho, along);
      const least = A.floor && s.multiply(s.of(A.floor), space.dot(p, p));
      const curvature = least ? s.subtract(along, least) : along;
      // Of a million parameters every vector counts: each is freed with its last use.
      const nextR = space.axpy(negate(space, alpha), q, r);
      space.free([q, r], p);
      const z = precondition(space, nextR);
      const residual = space.dot(nextR, nextR);
      const nextRho = z === nextR ? residual : space.dot(nextR, z);
      const nextX = space.axpy(alpha, p, x);
      const nextP = space.axpy(s.divide(nextRho, rho), p, z);
      space.free([p, z], nextR);
      return {
        x: nextX,
        residual,
        curvature,
        vectors: { r: nextR, p: nextP },
        scalars: { rho: nextRho },
      };
    },
  };
}

/** See `IterativeMethod`; without a preconditioner. */
function advanceMany<V, S>(
  { space, A }: LinearSystem<V, S>,
  { x, vectors }: Iterate<V, S>,
  { rho }: Readonly<Record<string, number>>,
  { keepsBest, keepsNearest, ...stop }: LoopStop & Record<'keepsBest' | 'keepsNearest', boolean>,
) {
  const { loops } = A;
  if (loops === undefined) return undefined;
  const copied = () => ({
    x: space.clone(x),
    r: space.clone(vectors.r!),
    p: space.clone(vectors.p!),
    ...(keepsBest && { best: space.clone(x) }),
    ...(keepsNearest && { nearest: space.clone(x) }),
  });
  const state = space.keep(space.tidy(copied));
  const { best, nearest } = state;
  const report = freeingIfItThrows(space, state, () =>
    loops.conjugateGradients(
      { ...state, rho: rho! },
      { ...stop, ...(A.floor !== undefined && { floor: A.floor }) },
    ),
  );
  const { of } = space.scalars;
  const next = {
    x: state.x,
    residual: of(report.residual),
    curvature: of(report.curvature),
    vectors: { r: state.r, p: state.p },
    scalars: { rho: of(report.rho) },
  };
  return { next, best, ...(nearest !== undefined && { nearest }), report };
}
