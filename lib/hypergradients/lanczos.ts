import { withPauses } from '../event-loop';
import { tridiagonalEigen } from '../numbers';
import type { LinearOperator, Space } from '../spaces';

/**
 * The smallest Ritz value of a symmetric A after some Lanczos steps from `start`.
 *
 * It is never below the smallest eigenvalue (but for rounding) and comes down to it with the
 * steps; only eigenvalues that `start` has a share of are seen. Undefined for a start of 0.
 *
 * @see Golub & Van Loan, [Matrix Computations](https://doi.org/10.56021/9781421407944), 4th ed.,
 *   §10.1.
 */
export async function smallestRitzValue<V>(
  space: Space<V, unknown>,
  A: LinearOperator<V>,
  start: V,
  steps: number,
): Promise<number | undefined> {
  const s = space.scalars;
  const held: unknown[] = [];
  const hold = <T>(make: () => T): T => {
    const made = space.keep(space.tidy(make));
    held.push(made);
    return made;
  };
  const lengthOf = async (x: V) => {
    const length = hold(() => space.norm(x));
    return (await space.read([length]))[0]!;
  };
  try {
    const length = await lengthOf(start);
    if (!(length > 0)) return undefined;
    const diagonal: number[] = [];
    const off: number[] = [];
    let before = start;
    let v = hold(() => space.scale(s.of(1 / length), start));
    while (diagonal.length < steps) {
      const Av = await productOf(space, A, v);
      held.push(Av);
      const product = hold(() => space.dot(v, Av));
      const delta = (await space.read([product]))[0]!;
      diagonal.push(delta);
      const gamma = off[off.length - 1] ?? 0;
      const rest = hold(() => space.axpy(s.of(-delta), v, space.axpy(s.of(-gamma), before, Av)));
      const next = await lengthOf(rest);
      if (!(next > 100 * space.epsilon * Math.abs(delta)) || diagonal.length === steps) break;
      off.push(next);
      // Two vectors are all that the recurrence remembers.
      const following = space.keep(space.tidy(() => space.scale(s.of(1 / next), rest)));
      space.free(held, v);
      held.length = 0;
      before = v;
      v = following;
      held.push(before, v);
    }
    return tridiagonalEigen(diagonal, off).values.at(-1);
  } finally {
    space.free(held);
  }
}

/** `A v`, kept. */
async function productOf<V>(space: Space<V, unknown>, A: LinearOperator<V>, v: V): Promise<V> {
  if (A.applyInPieces !== undefined) return withPauses(A.applyInPieces(v));
  return space.keep(space.tidy(() => A.apply(v)));
}
