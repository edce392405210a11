import type { Space } from '../spaces';
import { divideOrZero, inPieces, type LinearSystem, negate } from './method';

/**
 * A bound of `max |λ|` over the eigenvalues of a symmetric A that r has a share of, by Lanczos.
 *
 * `products` steps from r give a tridiagonal matrix with diagonal δ and off-diagonals γ; the
 * largest row sum `γ_{j−1} + |δ_j| + γ_j` is above all its eigenvalues (Gershgorin), and the last
 * one holds what the next step would add. With few steps the bound can fall short of an eigenvalue
 * of which r has almost nothing; it is at most three times too large.
 *
 * @see Golub & Van Loan, [Matrix Computations](https://doi.org/10.56021/9781421407944), 4th ed.,
 *   §10.1 (Lanczos) and §7.2.1 (Gershgorin).
 */
export function largestEigenvalue<V, S>(system: LinearSystem<V, S>, r: V, products: number): S {
  let state = first(system, r);
  for (let j = 0; j < products; j++) state = next(system, state, system.A.apply(state.v));
  return state.bound;
}

/** Its number, where numbers can be read, with a turn for others between the products. */
export function* largestEigenvalueInTurns<V, S>(
  system: LinearSystem<V, S>,
  r: V,
  products: number,
): Generator<readonly S[], number, number[]> {
  const { space, A } = system;
  const hold = <T>(make: () => T): T => space.keep(space.tidy(make));
  let state = hold(() => first(system, r));
  try {
    for (let j = 0; j < products; j++) {
      const before = state;
      const Av = yield* inPieces(system, before.v);
      state = hold(() => next(system, before, Av ?? A.apply(before.v)));
      space.free([before, Av], state);
      yield [];
    }
    return (yield [state.bound])[0]!;
  } finally {
    space.free(state);
  }
}

/** Lanczos' recurrence. */
interface Lanczos<V, S> {
  v: V;
  before: V;
  gamma: S;
  bound: S;
}

function first<V, S>({ space }: LinearSystem<V, S>, r: V): Lanczos<V, S> {
  const { of } = space.scalars;
  const v = unit(space, r, space.norm(r));
  return { v, before: space.zeros(r), gamma: of(0), bound: of(0) };
}

function next<V, S>(
  { space }: LinearSystem<V, S>,
  { v, before, gamma, bound }: Lanczos<V, S>,
  Av: V,
): Lanczos<V, S> {
  const { add, of, select, less } = space.scalars;
  const delta = space.dot(v, Av);
  const size = select(less(delta, of(0)), negate(space, delta), delta);
  const rest = space.axpy(negate(space, gamma), before, space.axpy(negate(space, delta), v, Av));
  const length = space.norm(rest);
  const row = add(add(gamma, length), size);
  return {
    v: unit(space, rest, length),
    before: v,
    gamma: length,
    bound: select(less(bound, row), row, bound),
  };
}

function unit<V, S>(space: Space<V, S>, x: V, length: S): V {
  return space.scale(divideOrZero(space, space.scalars.of(1), length), x);
}
