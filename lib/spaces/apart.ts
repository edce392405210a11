import { copied, type LinearOperator, type LowRankParts, observed, withParts } from './operator';

/** What `apart` has returned: there is nothing to copy once more. */
const known = new WeakSet<object>();

/**
 * A itself, but its products are given copies of `Float64Array`s, and what they return is copied: what a
 * user has written may change its argument in place, and write into the same array again. Tensors cannot
 * be changed, and pass as they are.
 */
export function apart<V>(A: LinearOperator<V>): LinearOperator<V> {
  if (known.has(A)) return A;
  const plain = observed(A, (multiply) => multiply());
  const { transpose, applyAll, applyInPieces, lowRank } = plain;
  const result: LinearOperator<V> = {
    ...plain,
    apply: around((v) => A.apply(v)),
    ...(transpose && { transpose: around(transpose) }),
    ...(applyAll && {
      applyAll: (vs: readonly V[]) => applyAll(vs.map(copied)).map(copied),
    }),
    ...(applyInPieces && {
      *applyInPieces(v: V) {
        return copied(yield* applyInPieces(copied(v)));
      },
    }),
    ...(lowRank && { lowRank: partsApart(lowRank) }),
    ...(A.loops && { loops: A.loops }),
  };
  known.add(result);
  return result;
}

/** The same of the parts of a low rank. */
export function partsApart<V, U>(parts: LowRankParts<V, U>): LowRankParts<V, U> {
  const { middle } = parts;
  return withParts(parts, {
    jvp: around((v) => parts.jvp(v)),
    vjp: around((u) => parts.vjp(u)),
    ...(middle && { middle: around((u: U) => middle.call(parts, u)) }),
  });
}

const around =
  <X, Y>(f: (x: X) => Y) =>
  (x: X): Y =>
    copied(f(copied(x)));
