import type { Space } from '../../spaces';
import type { Flat } from './flat';
import type { FlatSpace } from './space';

/** Squared norms in this range are right as they are. */
const [LEAST, MOST] = [1e-20, 1e30];

/**
 * Flat vectors with the inner product `⟨x, W y⟩`.
 *
 * @param weigh `W x`, a new vector
 */
export function weightedFlat(flats: FlatSpace, weigh: (x: Flat) => Flat): Space<Flat, number> {
  const dot = (x: Flat, y: Flat): number => {
    const weighed = weigh(y);
    const product = flats.dot(x, weighed);
    flats.free(weighed);
    return product;
  };
  const norm = (x: Flat): number => {
    const squared = dot(x, x);
    if ((squared > LEAST && squared < MOST) || Number.isNaN(squared)) return Math.sqrt(squared);
    const largest = flats.numbers(x).reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    if (!(largest > 0 && largest < Number.POSITIVE_INFINITY)) return largest;
    const scaled = flats.scale(1 / largest, x);
    const length = largest * Math.sqrt(dot(scaled, scaled));
    flats.free(scaled);
    return length;
  };
  return {
    name: 'weighted flat',
    epsilon: flats.epsilon,
    zeros: (like) => flats.zeros(like),
    clone: (x) => flats.clone(x),
    scale: (a, x) => flats.scale(a, x),
    axpy: (a, x, y) => flats.axpy(a, x, y),
    subtract: (x, y) => flats.subtract(x, y),
    dot,
    norm,
    select: (mask, x, y) => flats.select(mask, x, y),
    scalars: flats.scalars,
    read: (values) => flats.read(values),
    readSync: (values) => flats.readSync(values),
    readableNow: () => flats.readableNow(),
    tidy: (f) => flats.tidy(f),
    keep: (x) => flats.keep(x),
    free: (x, except) => flats.free(x, except),
    check: (x, like, what) => flats.check(x, like, what),
  };
}
