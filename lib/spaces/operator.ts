import type { Space } from './space';

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
  /** Gives back whatever the operator holds; harmless when repeated. */
  dispose(): void;
}

/** `A + τI`; disposing it disposes A. */
export function shifted<V, S>(space: Space<V, S>, A: LinearOperator<V>, tau: number) {
  const add = (v: V, Av: V) => {
    const result = space.tidy(() => space.axpy(space.scalars.of(tau), v, Av));
    space.free(Av);
    return result;
  };
  const operator: LinearOperator<V> = {
    apply: (v) => add(v, A.apply(v)),
    ...(A.space && { space: A.space }),
    ...(A.floor !== undefined && { floor: A.floor + tau }),
    dispose: () => A.dispose(),
  };
  if (A.transpose) operator.transpose = (v) => add(v, A.transpose!(v));
  return operator;
}
