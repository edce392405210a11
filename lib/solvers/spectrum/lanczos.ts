import { NotFiniteError } from '../../errors';
import type { Space } from '../../spaces';
import { orthogonal } from '../in-turns';
import { ROUNDING } from '../method';

/** An orthonormal basis V of a Krylov space of a symmetric A, with the tridiagonal `VᵀAV`. */
export interface Krylov<V> {
  basis: V[];
  diagonal: number[];
  /** One for each vector: the last is the length of what the next product leaves of the space. */
  off: number[];
}

export const emptyKrylov = <V>(): Krylov<V> => ({ basis: [], diagonal: [], off: [] });

/** Where a Lanczos process takes place. */
export interface LanczosSetting<V> {
  space: Space<V, unknown>;
  /** `A v`, kept; symmetric in the inner product of the space. */
  multiply: (v: V) => Promise<V>;
  /** A random vector, kept; the caller's. */
  draw: () => Promise<V>;
  /** Vectors of length 1, orthogonal to each other, whose span is left out. */
  without: readonly V[];
  /** The dimension of the space. */
  dimension: number;
}

/**
 * The Lanczos process with every vector made orthogonal to all those before it, twice.
 *
 * Where the Krylov space is exhausted it goes on from a random vector orthogonal to it, so that n
 * steps see every eigenvalue as often as it occurs. After each step it yields how many there were.
 *
 * @param krylov what is filled, empty at first; its vectors are held until the caller frees them
 * @throws NotFiniteError for a product with a NaN.
 * @see Golub & Van Loan, [Matrix Computations](https://doi.org/10.56021/9781421407944), 4th ed.,
 *   §10.1 and §10.3; Parlett, [The Symmetric Eigenvalue
 *   Problem](https://doi.org/10.1137/1.9781611971163), chapter 13.
 */
export async function* lanczos<V>(
  { space, multiply, draw, without, dimension }: LanczosSetting<V>,
  { basis, diagonal, off }: Krylov<V>,
): AsyncGenerator<number> {
  const hold = <T>(make: () => T): T => space.keep(space.tidy(make));
  /** What of a vector is outside the others; the vector is freed. */
  const outside = async (x: V): Promise<V> => {
    try {
      return await orthogonal(space, x, [...without, ...basis]);
    } finally {
      space.free(x);
    }
  };
  let scale = 0;
  let rest: V | undefined;
  try {
    rest = await outside(await draw());
    while (basis.length < dimension - without.length) {
      const current: V = rest;
      const v = await outside(hold(() => unit(space, current)));
      basis.push(hold(() => unit(space, v)));
      space.free([current, v]);
      rest = undefined;
      const unitVector = basis.at(-1)!;
      const Av = await multiply(unitVector);
      const along = hold(() => space.dot(unitVector, Av));
      const facts: unknown[] = [along];
      let delta: number;
      let next: number;
      try {
        const left: V = await outside(Av);
        rest = left;
        facts.push(hold(() => space.norm(left)));
        [delta, next] = (await space.read(facts)) as [number, number];
      } finally {
        space.free(facts);
      }
      if (!Number.isFinite(delta + next)) throw notFinite(delta + next);
      scale = Math.max(scale, Math.abs(delta), next);
      if (next <= ROUNDING * space.epsilon * scale) {
        // An invariant subspace: what is left is rounding, and the next direction a new one.
        next = 0;
        space.free(rest);
        rest = await outside(await draw());
      }
      diagonal.push(delta);
      off.push(next);
      yield basis.length;
    }
  } finally {
    space.free(rest);
  }
}

/** x at length 1. */
export function unit<V>(space: Space<V, unknown>, x: V): V {
  const { of, divide, select, less } = space.scalars;
  return space.tidy(() => {
    const length = space.norm(x);
    const safe = select(less(of(0), length), length, of(1));
    // In two parts: one over a length of 1e-39 is infinite in float32.
    const root = space.scalars.sqrt(safe);
    return space.scale(divide(of(1), root), space.scale(divide(of(1), root), x));
  });
}

function notFinite(value: number) {
  return new NotFiniteError({
    given: `an operator with a product that has the entry ${value}`,
    expected: 'finite numbers',
    remedy: 'Look for a NaN, or an overflow, in what the operator is made of.',
  });
}
