import { giveWay, withPauses } from '../event-loop';
import type { LinearOperator, Space } from '../spaces';
import { negate } from './method';

/** What is made one after the other, kept, with turns for timers in between; all of it, or nothing. */
export async function kept<V>(
  space: Space<V, unknown>,
  makers: readonly (() => V)[],
): Promise<V[]> {
  const made: V[] = [];
  try {
    for (const make of makers) {
      made.push(space.keep(space.tidy(make)));
      await giveWay();
    }
    return made;
  } catch (error) {
    space.free(made);
    throw error;
  }
}

/** The same of scalars, as numbers. */
export async function numbersOf<V, S>(
  space: Space<V, S>,
  makers: readonly (() => S)[],
): Promise<number[]> {
  const scalars: S[] = [];
  try {
    for (const make of makers) {
      scalars.push(space.keep(space.tidy(make)));
      await giveWay();
    }
    return await space.read(scalars);
  } finally {
    space.free(scalars);
  }
}

/** `A v`, kept, with turns within it where it can be left; never v itself. */
export async function productOf<V>(
  space: Space<V, unknown>,
  A: LinearOperator<V>,
  v: V,
): Promise<V> {
  const work = A.applyInPieces?.(v);
  if (work !== undefined) return withPauses(work);
  // A copy: what is freed is not the argument, which an operator may return.
  return space.keep(space.tidy(() => space.clone(A.apply(v))));
}

/** The products with some vectors, kept; at once where A has `applyAll`. */
export async function productsOf<V>(
  space: Space<V, unknown>,
  A: LinearOperator<V>,
  vectors: readonly V[],
): Promise<V[]> {
  if (A.applyAll) return space.keep(space.tidy(() => A.applyAll!(vectors)));
  const made: V[] = [];
  try {
    for (const v of vectors) {
      made.push(await productOf(space, A, v));
      await giveWay();
    }
    return made;
  } catch (error) {
    space.free(made);
    throw error;
  }
}

/** x less its shares of the units, kept; twice, since rounding leaves something the first time. */
export async function orthogonal<V, S>(space: Space<V, S>, x: V, units: readonly V[]): Promise<V> {
  let rest = space.keep(space.tidy(() => space.clone(x)));
  try {
    for (const u of [...units, ...units]) {
      const before = rest;
      const share = () => negate(space, space.dot(u, before));
      rest = space.keep(space.tidy(() => space.axpy(share(), u, before)));
      space.free(before);
      const pause = giveWay();
      if (pause) await pause;
    }
    return rest;
  } catch (error) {
    space.free(rest);
    throw error;
  }
}

/** The sum of some multiples of vectors, kept. */
export async function combined<V>(
  space: Space<V, unknown>,
  shares: ArrayLike<number>,
  vectors: readonly V[],
): Promise<V> {
  let sum = space.keep(space.tidy(() => space.zeros(vectors[0]!)));
  try {
    for (const [i, v] of vectors.entries()) {
      const before = sum;
      sum = space.keep(space.tidy(() => space.axpy(space.scalars.of(shares[i]!), v, before)));
      space.free(before);
      const pause = giveWay();
      if (pause) await pause;
    }
    return sum;
  } catch (error) {
    space.free(sum);
    throw error;
  }
}

/** How many numbers are drawn between two looks at the clock. */
const DRAWN = 2 ** 15;

/** Random numbers, with turns for timers while they are drawn. */
export async function drawn(
  size: number,
  draw: (count: number) => Float64Array,
): Promise<Float64Array> {
  const all = new Float64Array(size);
  for (let from = 0; from < size; from += DRAWN) {
    all.set(draw(Math.min(DRAWN, size - from)), from);
    await giveWay();
  }
  return all;
}
