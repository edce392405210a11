import type { Space } from '../spaces';
import { divideOrZero, type LinearSystem, negate } from './method';

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
export function largestEigenvalue<V, S>(
  { space, A }: LinearSystem<V, S>,
  r: V,
  products: number,
): S {
  const { of, add, sqrt, select, less, multiply } = space.scalars;
  let v = unit(space, r, sqrt(space.dot(r, r)));
  let before = space.zeros(r);
  let gamma = of(0);
  let bound = of(0);
  for (let j = 0; j < products; j++) {
    const Av = A.apply(v);
    const delta = space.dot(v, Av);
    const rest = space.axpy(negate(space, gamma), before, space.axpy(negate(space, delta), v, Av));
    const next = sqrt(space.dot(rest, rest));
    const row = add(add(gamma, next), sqrt(multiply(delta, delta)));
    bound = select(less(bound, row), row, bound);
    [before, v, gamma] = [v, unit(space, rest, next), next];
  }
  return bound;
}

function unit<V, S>(space: Space<V, S>, x: V, length: S): V {
  return space.scale(divideOrZero(space, space.scalars.of(1), length), x);
}
