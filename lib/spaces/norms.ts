import type { Space } from './space';

/** The norms of some vectors, in one transfer. */
export async function normsOf<V>(
  space: Space<V, unknown>,
  vectors: readonly V[],
): Promise<number[]> {
  const norms = space.tidy(() => space.keep(vectors.map((x) => space.norm(x))));
  try {
    return await space.read(norms);
  } finally {
    space.free(norms);
  }
}
