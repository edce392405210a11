import * as tf from '@tensorflow/tfjs';
import type { Flat, FlatSpace } from '../autodiff';
import {
  float64,
  mapTensors,
  type NamedTensors,
  type Space,
  spaceOf,
  type Vector,
} from '../spaces';
import { type Coefficient, numberOf } from './learned';

/**
 * What an update rule may do with vectors.
 *
 * A rule written with these operations runs on plain vectors, on vectors that carry their tangents
 * (`carryTangents`, forward mode) and on vectors that remember where they came from (`recordStep`,
 * reverse mode). No operation changes its arguments.
 */
export interface Arithmetic<V> {
  /** The linear combination `Σ aᵢxᵢ` of one or more terms; always a new vector. */
  combine(terms: readonly Term<V>[]): V;
  /** Entry by entry `xᵢyᵢ`. */
  multiply(x: V, y: V): V;
  /** Entry by entry `xᵢ/yᵢ`, and 0 wherever `yᵢ = 0`. */
  divide(x: V, y: V): V;
  /** Entry by entry `√xᵢ`; its derivative counts as 0 where `xᵢ = 0`. */
  sqrt(x: V): V;
  /** Entry by entry `xᵢ + c`. */
  shift(x: V, c: Coefficient): V;
}

/** A vector and the number it is multiplied by, which may be learned. */
export type Term<V> = readonly [coefficient: Coefficient, vector: V];

/** The arithmetic of plain vectors like `x`. */
export function arithmeticOf<V extends Vector>(x: V): Arithmetic<V>;
export function arithmeticOf(x: Vector): Arithmetic<Float64Array> | Arithmetic<NamedTensors> {
  if (x instanceof Float64Array) return float64Arithmetic;
  const space = spaceOf(x);
  return {
    combine: (terms: readonly Term<NamedTensors>[]) => combine(space, terms),
    ...tensorEntries,
  };
}

function combine<V, S>(space: Space<V, S>, terms: readonly Term<V>[]): V {
  const [[first, x], ...rest] = terms as [Term<V>, ...Term<V>[]];
  const start =
    first === 1 && rest.length > 0 ? x : space.scale(space.scalars.of(numberOf(first)), x);
  return rest.reduce((sum, [a, y]) => space.axpy(space.scalars.of(numberOf(a)), y, sum), start);
}

/** The arithmetic of vectors in the backend's memory. */
export function flatArithmetic(space: FlatSpace): Arithmetic<Flat> {
  const made = (like: Flat, fill: (out: number, size: number) => void) => {
    const out = space.allocate(like.layout);
    fill(out.address, like.layout.size);
    return out;
  };
  const { loops } = space;
  return {
    combine: (terms) =>
      space.combine(
        terms.map(([a]) => numberOf(a)),
        terms.map(([, x]) => x),
      ),
    multiply: (x, y) => made(x, (out, size) => loops.multiply(out, size, x.address, y.address)),
    divide: (x, y) => made(x, (out, size) => loops.divide(out, size, x.address, y.address)),
    sqrt: (x) => made(x, (out, size) => loops.sqrt(out, size, x.address)),
    shift: (x, c) => made(x, (out, size) => loops.shift(out, size, x.address, numberOf(c))),
  };
}

type Entrywise<V> = Omit<Arithmetic<V>, 'combine'>;

const float64Arithmetic: Arithmetic<Float64Array> = {
  combine(terms) {
    const [[first, x], second, ...rest] = terms as [Term<Float64Array>, ...Term<Float64Array>[]];
    if (second === undefined) return float64.scale(numberOf(first), x);
    const sum = new Float64Array(x.length);
    const [a, b, y] = [numberOf(first), numberOf(second[0]), second[1]];
    const [third, ...others] = rest;
    if (third === undefined) {
      for (let i = 0; i < sum.length; i++) sum[i] = b * y[i]! + a * x[i]!;
      return sum;
    }
    const [c, z] = [numberOf(third[0]), third[1]];
    for (let i = 0; i < sum.length; i++) sum[i] = c * z[i]! + (b * y[i]! + a * x[i]!);
    for (const [coefficient, v] of others) {
      const d = numberOf(coefficient);
      for (let i = 0; i < sum.length; i++) sum[i] = d * v[i]! + sum[i]!;
    }
    return sum;
  },
  multiply: (x, y) => x.map((value, i) => value * y[i]!),
  divide: (x, y) => x.map((value, i) => (y[i] === 0 ? 0 : value / y[i]!)),
  sqrt: (x) => x.map(Math.sqrt),
  shift: (x, c) => x.map((value) => value + numberOf(c)),
};

const tensorEntries: Entrywise<NamedTensors> = {
  multiply: (x, y) => mapTensors(x, (value, name) => tf.mul(value, y[name]!)),
  divide: (x, y) =>
    mapTensors(x, (value, name) =>
      tf.tidy(() => {
        const divisor = y[name]!;
        const zero = tf.equal(divisor, 0);
        const safe = tf.where(zero, tf.onesLike(divisor), divisor);
        return tf.where(zero, tf.zerosLike(value), tf.div(value, safe));
      }),
    ),
  sqrt: (x) => mapTensors(x, (value) => tf.sqrt(value)),
  shift: (x, c) => mapTensors(x, (value) => tf.add(value, numberOf(c))),
};
