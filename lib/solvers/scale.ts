import type { Space } from '../spaces';

/** Squared norms outside this range leave no room for a tolerance, or for growth, in float32. */
const SINGLE = { least: 2 ** -64, most: 2 ** 80, factor: 2 ** 80, smallest: 2 ** -126 };
const DOUBLE = { least: 2 ** -500, most: 2 ** 600, factor: 2 ** 600, smallest: 2 ** -1022 };

const rangeOf = ({ epsilon }: { epsilon: number }) => (epsilon > 1e-10 ? SINGLE : DOUBLE);

/**
 * The power of two that brings a vector of this squared norm to where norms can be squared: 1 for
 * all but the very small (squares vanish below about 1e-19 in float32) and the very large (they
 * overflow above 1e19), which are brought to about 1 where their square is known, so that products with a
 * large or a small A can be squared as well. Multiplying by it rounds nothing.
 */
export function liftOf(space: { epsilon: number }, squared: number): number {
  const { least, most, factor, smallest } = rangeOf(space);
  if (least <= squared && squared <= most) return 1;
  const isKnown = squared >= smallest && squared < Number.POSITIVE_INFINITY;
  if (isKnown) return 2 ** -Math.round(Math.log2(squared) / 2);
  return squared < least ? factor : 1 / factor;
}

/** Squares of float32 above it are as good as overflowed. */
const LARGEST = 2 ** 127;

/** Whether a vector of this norm holds its numbers to full precision. */
export const isRepresentable = (space: { epsilon: number }, norm: number): boolean =>
  norm >= rangeOf(space).smallest / space.epsilon && norm < Number.POSITIVE_INFINITY;

/** Whether a vector of this norm can be squared, and what is much smaller than it as well. */
export function isOrdinary(space: { epsilon: number }, norm: number): boolean {
  const { least, most } = rangeOf(space);
  return Math.sqrt(least) < norm && norm < Math.sqrt(most);
}

/** `liftOf` where the scalars live, to within a few powers of two: in steps, of which each is a comparison. */
export function liftScalar<V, S>(space: Space<V, S>, squared: S): S {
  const { least, most, factor, smallest } = rangeOf(space);
  const s = space.scalars;
  const middle = (a: number, b: number) => 2 ** -Math.round((Math.log2(a) + Math.log2(b)) / 4);
  const below = s.select(
    s.less(squared, s.of(smallest)),
    s.of(factor),
    s.of(middle(smallest, least)),
  );
  const above = s.select(
    s.less(s.of(LARGEST), squared),
    s.of(1 / factor),
    s.of(middle(most, LARGEST)),
  );
  return s.select(
    s.less(squared, s.of(least)),
    below,
    s.select(s.less(s.of(most), squared), above, s.of(1)),
  );
}
