import { InputError } from '../errors';
import type { Pausing } from '../event-loop';
import { checkFunction, checkMethods, checkNoMore, phrase, shown } from '../options';
import type { Space } from './space';
import { spaceOf, type Vector } from './vector';

/** The parts of `A = d I + Jᵀ S J`, where J maps n parameters to m outputs. */
export interface LowRankParts<V, U> {
  /** d ≥ 0; where it is 0, a solver has to add some damping. */
  diagonal: number;
  /** `J v`. */
  jvp(v: V): U;
  /** `Jᵀ u`. */
  vjp(u: U): V;
  /** `S u`, symmetric; the identity by default. It may be singular. */
  middle?(u: U): U;
  /** Any vector of outputs; only its shape matters. */
  readonly outputs: U;
}

/** When iterations in one call end; norms are squared. */
export interface LoopStop {
  /** How many there are at most. */
  count: number;
  /** The residual at which the best iterate is good enough. */
  goal: number;
  /** An iteration is rejected if its residual reaches this value. */
  limit: number;
  /** Also this many times the least residual so far; infinite where the residual may grow. */
  growth: number;
  least: number;
  /** The residual of the best iterate so far. */
  best: number;
  /** The floor of the operator, where it has one. */
  floor?: number;
}

/** What iterations in one call have led to. */
export interface LoopReport {
  /** How many were taken: it ends before one that would be rejected, which is left to the caller. */
  taken: number;
  residual: number;
  /** `pᵀAp` of the last one; 1 where nothing is asked of it. */
  curvature: number;
  least: number;
  /** The residual of the best iterate. */
  best: number;
}

/** The state of minimal residuals; norms are squared. */
export interface MinimalResiduals<V> {
  x: V;
  r: V;
  best?: V;
  /** Directions p and their images q = A p, from the oldest on; those after the first `held` are free. */
  directions: readonly { p: V; q: V }[];
  held: number;
  /** ‖r‖², and what it was an iteration before. */
  residual: number;
  before: number;
  /** The largest ‖A p‖² so far. */
  normA: number;
}

/** What minimal residuals remember, and what they take for no progress. */
export interface MinimalResidualsRule {
  /** How many directions are kept: the oldest goes where there are more. */
  keep: number;
  /** The number of directions after which all are forgotten; may be infinite. */
  restart: number;
  /** The next direction is the residual where that is at most this multiple of the previous one; squared. */
  falls: number;
  /** What is left of an image counts as rounding where it is at most this multiple of `normA ‖p‖²`. */
  rounding: number;
}

/**
 * Iterations of solves with an operator, many in one call, where it can do so. Vectors are changed in
 * place, and are to be different ones; `best` takes the iterate of least residual, where it is given.
 */
export interface SolverLoops<V> {
  /**
   * Of conjugate gradients; ρ = ‖r‖². `nearest` takes the iterate of a residual below `least`, where the
   * last one is the best, but may turn out to be useless.
   */
  conjugateGradients(
    state: { x: V; r: V; p: V; best?: V; nearest?: V; rho: number },
    stop: LoopStop,
  ): LoopReport & { rho: number };
  /** `x ← x + α r`, `r ← r − α A r`; `nearest` as for conjugate gradients. */
  richardson?(
    state: { x: V; r: V; best?: V; nearest?: V; alpha: number },
    stop: LoopStop,
  ): LoopReport;
  /** Of minimal residuals. */
  minimalResiduals?(
    state: MinimalResiduals<V>,
    rule: MinimalResidualsRule,
    stop: LoopStop,
  ): LoopReport & Pick<MinimalResiduals<V>, 'directions' | 'held' | 'before' | 'normA'>;
  /** How many fit into a turn of the event loop, where it is remembered from solve to solve. */
  readonly portions?: {
    next(left: number): number;
    took(count: number, milliseconds: number): void;
  };
  /** Makes what they need, to be left for a while; called before iterations, and quick where nothing is left to make. */
  prepare?(): Pausing<void>;
  /** Those of `A + τI`. */
  shifted(tau: number): SolverLoops<V>;
}

/**
 * A linear map of a vector space into itself, known only by its products.
 *
 * `apply` returns a new vector that belongs to the caller (or to the `tidy` around the call).
 * `transpose` is absent where the map is symmetric or its adjoint is not known.
 */
export interface LinearOperator<V> {
  /** `A v`. */
  apply(v: V): V;
  /** `Aᵀ v`. */
  transpose?(v: V): V;
  /**
   * `A v` for several v at once, where that costs less than one after the other: of a matrix that is
   * read once for all, as the Hessian of `quadratic`. Curvatures of a recording do not have it: of
   * k directions stacked, the multiplications are the same in a k-th of the kernel calls, which saves
   * less than half for networks of some thousand weights and more.
   */
  applyAll?(vs: readonly V[]): V[];
  /**
   * `A v`, where it is a sum of which a part takes long: to be left for a while between the parts.
   * What it returns no `tidy` frees; it belongs to the caller.
   */
  applyInPieces?(v: V): Pausing<V>;
  /**
   * Where the inner product in which A is symmetric is not the usual one: the space that has it.
   * Solvers that work by products and inner products alone heed it.
   */
  readonly space?: Space<V, unknown>;
  /**
   * What `⟨v, A v⟩ / ⟨v, v⟩` does not fall below where A is as it is meant to be. A solver that needs
   * A positive definite takes a direction below it for negative curvature, and answers with its
   * iterate of least residual. Default 0.
   */
  readonly floor?: number;
  /** Iterations in one call; what observes single products does not hand them on. */
  readonly loops?: SolverLoops<V>;
  /** What A is made of, where it is a multiple of the identity and something of low rank. */
  readonly lowRank?: LowRankParts<V, Vector>;
  /** Gives back whatever the operator holds; harmless when repeated. */
  dispose(): void;
}

/**
 * A itself, each of its products passing through `see`, to be counted or checked. All else that is
 * known of A stays known; of a low rank the products with `Jᵀ` pass, one for each product with A.
 */
export function observed<V>(
  A: LinearOperator<V>,
  see: (product: () => V, v?: V) => V,
): LinearOperator<V> {
  checkNoMore('observed', arguments, 2);
  checkMethods(A, 'the operator', ['apply']);
  checkFunction(see, 'what sees the products');
  const { lowRank } = A;
  return {
    apply: (v) => see(() => A.apply(v), v),
    ...(A.transpose && { transpose: (v: V) => see(() => A.transpose!(v), v) }),
    ...(A.applyAll && {
      applyAll: (vs: readonly V[]) => allOf(A, vs).map((Av, i) => see(() => Av, vs[i])),
    }),
    ...(A.applyInPieces && {
      *applyInPieces(v: V) {
        const Av = yield* piecesOf(A, v);
        return see(() => Av, v);
      },
    }),
    ...(A.space && { space: A.space }),
    ...(A.floor !== undefined && { floor: A.floor }),
    ...(lowRank && {
      lowRank: withParts(lowRank, { vjp: (u) => see(() => lowRank.vjp(u)) }),
    }),
    dispose: () => A.dispose?.(),
  };
}

/** The same iterations, each call of them passing through `see`. */
export function observedLoops<V>(
  loops: SolverLoops<V>,
  see: <R extends LoopReport>(run: () => R) => R,
): SolverLoops<V> {
  const { conjugateGradients, richardson, minimalResiduals, portions, prepare, shifted } = loops;
  return {
    conjugateGradients: (state, stop) => see(() => conjugateGradients(state, stop)),
    ...(richardson && {
      richardson: (...given: Parameters<typeof richardson>) => see(() => richardson(...given)),
    }),
    ...(minimalResiduals && {
      minimalResiduals: (...given: Parameters<typeof minimalResiduals>) =>
        see(() => minimalResiduals(...given)),
    }),
    ...(portions && { portions }),
    ...(prepare && { prepare }),
    shifted: (tau) => observedLoops(shifted(tau), see),
  };
}

/** `A + τI`; disposing it disposes A. */
export function shifted<V, S>(
  space: Space<V, S>,
  A: LinearOperator<V>,
  tau: number,
): LinearOperator<V> {
  checkNoMore('shifted', arguments, 3);
  checkMethods(space, 'the space', ['axpy', 'tidy']);
  checkMethods(A, 'the operator', ['apply']);
  if (!Number.isFinite(tau)) {
    throw new InputError({
      given: `the shift ${shown(tau)}`,
      expected: 'a finite number',
      remedy: 'It is added to the diagonal.',
    });
  }
  const add = (v: V, Av: V) => {
    const result = space.tidy(() => space.axpy(space.scalars.of(tau), v, Av));
    // An operator may return its argument.
    space.free(Av, v);
    return result;
  };
  const { lowRank } = A;
  return {
    apply: (v) => add(v, A.apply(copied(v))),
    ...(A.transpose && { transpose: (v: V) => add(v, A.transpose!(copied(v))) }),
    ...(A.applyAll && {
      applyAll: (vs: readonly V[]) => allOf(A, vs.map(copied)).map((Av, i) => add(vs[i]!, Av)),
    }),
    ...(A.applyInPieces && {
      *applyInPieces(v: V) {
        return space.keep(add(v, yield* piecesOf(A, copied(v))));
      },
    }),
    ...(A.space && { space: A.space }),
    ...(A.floor !== undefined && { floor: A.floor + tau }),
    ...(A.loops && { loops: A.loops.shifted(tau) }),
    ...(lowRank && { lowRank: withParts(lowRank, { diagonal: lowRank.diagonal + tau }) }),
    dispose: () => A.dispose?.(),
  };
}

/** `I − M`; disposing it disposes M. */
export function identityMinus<V extends Vector>(M: LinearOperator<V>): LinearOperator<V> {
  checkNoMore('identityMinus', arguments, 1);
  checkMethods(M, 'the operator', ['apply']);
  const minus = (v: V, Mv: V) => {
    const space = spaceOf(v);
    const result = space.subtract(v, Mv);
    // An operator may return its argument.
    space.free(Mv, v);
    return result;
  };
  const { lowRank } = M;
  return {
    apply: (v) => minus(v, M.apply(copied(v))),
    ...(M.transpose && { transpose: (v: V) => minus(v, M.transpose!(copied(v))) }),
    ...(M.applyAll && {
      applyAll: (vs: readonly V[]) => allOf(M, vs.map(copied)).map((Mv, i) => minus(vs[i]!, Mv)),
    }),
    ...(M.applyInPieces && {
      *applyInPieces(v: V) {
        return spaceOf(v).keep(minus(v, yield* piecesOf(M, copied(v))));
      },
    }),
    ...(M.space && { space: M.space }),
    ...(lowRank &&
      lowRank.diagonal <= 1 && {
        lowRank: withParts(lowRank, {
          diagonal: 1 - lowRank.diagonal,
          middle(u) {
            const space = spaceOf(u);
            const scaled = lowRank.middle ? lowRank.middle(u) : u;
            const result = space.tidy(() => space.scale(space.scalars.of(-1), scaled));
            space.free(scaled, u);
            return result;
          },
        }),
      }),
    dispose: () => M.dispose?.(),
  };
}

/** A copy of a `Float64Array`, which a function of a user may change; tensors pass as they are. */
export const copied = <X>(x: X): X =>
  x instanceof Float64Array ? (x.slice() as Float64Array as typeof x) : x;

/** The product in pieces, by an operator that has it. */
function piecesOf<V>(A: LinearOperator<V>, v: V): Pausing<V> {
  const pieces = A.applyInPieces!(v);
  if (typeof pieces?.next === 'function' && Symbol.iterator in pieces) return pieces;
  throw new InputError({
    given: `${phrase(pieces)} of applyInPieces`,
    expected: 'a generator that returns the product',
    remedy: 'Write it as *applyInPieces(v) { …; yield; return Av; }, or leave it out.',
  });
}

/** The products with all of some vectors, by an operator that has them. */
function allOf<V>(A: LinearOperator<V>, vs: readonly V[]): V[] {
  const products = A.applyAll!(vs);
  if (Array.isArray(products) && products.length === vs.length) return products;
  throw new InputError({
    given: `${Array.isArray(products) ? `${products.length} products` : phrase(products)} of applyAll for ${vs.length} vectors`,
    expected: 'an array with a product for each',
    remedy: 'Return them in the order of the vectors.',
  });
}

/** The parts with some of them changed; the outputs may be those of something disposed later. */
export function withParts<V, U>(
  parts: LowRankParts<V, U>,
  changes: Partial<Pick<LowRankParts<V, U>, 'diagonal' | 'jvp' | 'vjp' | 'middle'>>,
): LowRankParts<V, U> {
  return {
    diagonal: parts.diagonal,
    jvp: (v) => parts.jvp(v),
    vjp: (u) => parts.vjp(u),
    ...(parts.middle && { middle: (u: U) => parts.middle!(u) }),
    get outputs() {
      return parts.outputs;
    },
    ...changes,
  };
}
