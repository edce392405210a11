import type { Random } from '../case';
import { type Type, type Typed, type TypedCall, types } from '../typed';

/** Draws from a seeded source of numbers between 0 and 1. */
export class Draws {
  /** @param odd whether NaN, infinities and large integers may be drawn */
  constructor(
    readonly random: Random,
    readonly odd: boolean,
  ) {}

  /** A whole number below n. */
  below = (n: number) => Math.floor(this.random() * n);
  one = <T>(list: readonly T[]): T => list[this.below(list.length)]!;
  chance = (p: number) => this.random() < p;

  /** The length of an axis: often small, at times 0 or 1. */
  length = () => this.one([0, 1, 1, 2, 3, 4, 5, 7, 17]);
  shape = (rank = this.below(5)) => Array.from({ length: rank }, () => this.length());
  type = (): Type => this.one(types);

  /** A shape that broadcasts against another. */
  broadcasts(shape: number[]): number[] {
    const own = shape.map((n) => (this.chance(0.25) ? 1 : n));
    return this.chance(0.3) ? own.slice(this.below(own.length + 1)) : own;
  }

  value(dtype: Type, wished: boolean): number {
    const specials = wished && this.odd;
    if (dtype === 'bool') return this.below(2);
    if (dtype === 'int32') {
      return specials && this.chance(0.05)
        ? this.one([2 ** 31 - 1, -(2 ** 31), 2 ** 24 + 1, 1e6])
        : this.below(11) - 5;
    }
    if (specials && this.chance(0.08)) {
      return this.one([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, -0]);
    }
    return this.chance(0.3) ? this.below(7) - 3 : 4 * this.random() - 2;
  }

  tensor(shape: number[], dtype: Type = this.type(), specials = this.chance(0.3)): Typed {
    const size = shape.reduce((a, b) => a * b, 1);
    const values = Array.from({ length: size }, () => this.value(dtype, specials));
    return { shape, dtype, values };
  }

  /** Places along an axis that is not empty. */
  places = (shape: number[], below: number): Typed => ({
    ...this.tensor(shape, 'int32'),
    values: Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => this.below(below)),
  });

  /** Some axes of a shape, or all; undefined means all. */
  axes(shape: number[]): number[] | undefined {
    if (this.chance(0.2)) return undefined;
    return shape.map((_, axis) => axis).filter(() => this.chance(0.5));
  }
}

/** Draws the inputs of a call. */
export type Maker = (d: Draws) => Omit<TypedCall, 'name'>;
