import { ShapeError } from '../errors';
import { giveWay } from '../event-loop';
import { checkFloat64 } from '../options';
import type { Space } from './space';

/**
 * ℝⁿ in double precision: vectors are `Float64Array`s, scalars are numbers.
 *
 * For theory, where errors of 1e-12 are to be seen. Memory is the garbage collector's.
 */
export const float64: Space<Float64Array, number> = {
  name: 'float64',
  epsilon: Number.EPSILON,

  zeros: (like) => new Float64Array(like.length),
  clone: (x) => x.slice(),
  // Loops: `map` calls a function for each number, which takes several times as long.
  scale(a, x) {
    const out = new Float64Array(x.length);
    for (let i = 0; i < out.length; i++) out[i] = a * x[i]!;
    return out;
  },
  axpy(a, x, y) {
    const out = new Float64Array(x.length);
    for (let i = 0; i < out.length; i++) out[i] = a * x[i]! + y[i]!;
    return out;
  },
  subtract(x, y) {
    const out = new Float64Array(x.length);
    for (let i = 0; i < out.length; i++) out[i] = x[i]! - y[i]!;
    return out;
  },
  dot(x, y) {
    let sum = 0;
    for (let i = 0; i < x.length; i++) sum += x[i]! * y[i]!;
    return sum;
  },
  norm(x) {
    let largest = 0;
    for (let i = 0; i < x.length; i++) {
      const size = Math.abs(x[i]!);
      // Written so that a NaN is found too.
      if (!(size <= largest)) largest = size;
      if (Number.isNaN(largest)) return largest;
    }
    if (largest === 0 || largest === Number.POSITIVE_INFINITY) return largest;
    let sum = 0;
    for (let i = 0; i < x.length; i++) sum += (x[i]! / largest) ** 2;
    return largest * Math.sqrt(sum);
  },
  select: (mask, x, y) => (mask ? x : y),

  scalars: {
    of: (value) => value,
    add: (a, b) => a + b,
    subtract: (a, b) => a - b,
    multiply: (a, b) => a * b,
    divide: (a, b) => a / b,
    sqrt: Math.sqrt,
    less: (a, b) => (a < b ? 1 : 0),
    and: (a, b) => (a && b ? 1 : 0),
    select: (mask, a, b) => (mask ? a : b),
  },

  async read(values) {
    await giveWay();
    return [...values];
  },
  readSync: (values) => [...values],
  readableNow: () => true,

  tidy: (f) => f(),
  keep: (x) => x,
  free() {},

  check(x, like, what) {
    checkFloat64(x, what);
    if (x.length !== like.length) {
      throw new ShapeError({
        given: `${what} of length ${x.length}`,
        expected: `length ${like.length}`,
        remedy: 'Give vectors of one length.',
      });
    }
  },
};
