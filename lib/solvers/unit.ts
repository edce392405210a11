import type { LinearOperator, Space } from '../spaces';
import { inPieces, type LinearSystem } from './method';
import { isOrdinary } from './scale';

/** Powers of two by which a system is multiplied so that what is computed in it can be squared. */
export interface Unit {
  /** For A. */
  A: number;
  /** For b. */
  b: number;
}

/**
 * The unit to solve a system in once more, if what was found shows that numbers may have left the range
 * in which they can be squared: A is far larger or smaller than 1. It takes a product only then.
 *
 * @param x what was found, if something was
 */
export function* unitOf<V, S>(
  system: LinearSystem<V, S>,
  x?: V,
): Generator<readonly S[], Unit | undefined, number[]> {
  const { space, b } = system;
  const norms = space.keep(
    space.tidy(() => [b, ...(x === undefined ? [] : [x])].map((v) => space.norm(v))),
  );
  let known: number[];
  try {
    known = yield norms;
  } finally {
    space.free(norms);
  }
  const [sizeOfB, sizeOfX = 0] = known as [number, number?];
  if (!isUsable(sizeOfB) || isOrdinary(space, sizeOfB / sizeOfX)) return undefined;
  const size = yield* sizeOf(system, sizeOfB);
  if (!isUsable(size) || isOrdinary(space, size)) return undefined;
  return { A: 1 / powerAt(size), b: 1 / powerAt(sizeOfB) };
}

const isUsable = (size: number) => size > 0 && Number.isFinite(size);

/** The power of two next to a size. */
export const powerAt = (size: number): number => 2 ** Math.round(Math.log2(size));

/** `‖A b‖ / ‖b‖`. */
function* sizeOf<V, S>(
  system: LinearSystem<V, S>,
  sizeOfB: number,
): Generator<readonly S[], number, number[]> {
  const { space, A, b } = system;
  const direction = space.keep(space.tidy(() => space.scale(space.scalars.of(1 / sizeOfB), b)));
  let image: V | undefined;
  let norm: S | undefined;
  try {
    image =
      (yield* inPieces(system, direction)) ?? space.keep(space.tidy(() => A.apply(direction)));
    norm = space.keep(space.tidy(() => space.norm(image!)));
    return (yield [norm])[0]!;
  } finally {
    space.free([direction, image, norm]);
  }
}

/** `c x`, kept. */
export const multiplied = <V, S>(space: Space<V, S>, c: number, x: V): V =>
  space.keep(space.tidy(() => product(space, c, x)));

/** `c x`, by two factors, since c may be outside the range of x's own numbers. */
export function product<V, S>(space: Space<V, S>, c: number, x: V): V {
  const half = 2 ** Math.trunc(Math.log2(c) / 2);
  const { of } = space.scalars;
  return space.scale(of(c / half), space.scale(of(half), x));
}

/** `c A`, product by product. */
export function multipliedOperator<V, S>(
  { space, A }: LinearSystem<V, S>,
  c: number,
): LinearOperator<V> {
  const times = (Av: V): V => {
    const result = space.tidy(() => space.scale(space.scalars.of(c), Av));
    space.free(Av, result);
    return result;
  };
  return {
    apply: (v) => times(A.apply(v)),
    ...(A.transpose && { transpose: (v: V) => times(A.transpose!(v)) }),
    ...(A.applyInPieces && {
      *applyInPieces(v: V) {
        return space.keep(times(yield* A.applyInPieces!(v)));
      },
    }),
    ...(A.space && { space: A.space }),
    ...(A.floor !== undefined && { floor: c * A.floor }),
    dispose() {},
  };
}
