import { InputError } from '../errors';
import { shown } from '../options';

/**
 * A number with its derivatives with respect to the learned settings: forward mode on single numbers.
 *
 * `slopes` holds `∂value/∂sₖ` by k, for the k where it is not 0. Of a float64 problem the sₖ are the
 * hyperparameters themselves: `method: ([logRate]) => gradientDescent(logRate!.exp())`.
 */
export class Learned {
  constructor(
    readonly value: number,
    readonly slopes: ReadonlyMap<number, number>,
  ) {}

  /** `x + y`. @throws InputError, as the others, for a y that is neither a number nor learned. */
  plus(other: Coefficient): Learned {
    return join(this, other, numberOf(this) + numberOf(other), 1, 1);
  }

  /** `x − y`. */
  minus(other: Coefficient): Learned {
    return join(this, other, this.value - numberOf(other), 1, -1);
  }

  /** `x y`. */
  times(other: Coefficient): Learned {
    return join(this, other, this.value * numberOf(other), numberOf(other), this.value);
  }

  /** `x/y`; not finite for y = 0, which a method refuses as a setting. */
  over(other: Coefficient): Learned {
    const divisor = numberOf(other);
    return join(this, other, this.value / divisor, 1 / divisor, -this.value / divisor / divisor);
  }

  /** `eˣ`, which is positive for every x: a rate by its logarithm. */
  exp(): Learned {
    const value = Math.exp(this.value);
    return scaled(this, value, value);
  }

  /** `1/(1 + e⁻ˣ)`, which is between 0 and 1: a momentum, a β. */
  sigmoid(): Learned {
    // By what is left of 1, so that the slope is not 0 where the value is 1 to rounding.
    const tail = Math.exp(-Math.abs(this.value));
    const value = (this.value < 0 ? tail : 1) / (1 + tail);
    return scaled(this, value, tail / (1 + tail) ** 2);
  }
}

/** A number of a step: a constant, or one that is learned. */
export type Coefficient = number | Learned;

export const numberOf = (a: Coefficient): number => (typeof a === 'number' ? a : a.value);

/** `∂a/∂sₖ` by k. */
export const slopesOf = (a: Coefficient): ReadonlyMap<number, number> =>
  typeof a === 'number' ? NONE : a.slopes;

const NONE: ReadonlyMap<number, number> = new Map();

/** `a + b`; a number where both are. */
export const plus = (a: Coefficient, b: Coefficient): Coefficient =>
  typeof a === 'number' ? (typeof b === 'number' ? a + b : b.plus(a)) : a.plus(b);

export const times = (a: Coefficient, b: Coefficient): Coefficient =>
  typeof a === 'number' ? (typeof b === 'number' ? a * b : b.times(a)) : a.times(b);

export const minus = (a: Coefficient, b: Coefficient): Coefficient => plus(a, times(-1, b));

export const over = (a: Coefficient, b: Coefficient): Coefficient =>
  typeof a === 'number' && typeof b === 'number'
    ? a / b
    : (typeof a === 'number' ? new Learned(a, NONE) : a).over(b);

/** A function of a and b by its value and its two partial derivatives. */
function join(a: Coefficient, b: Coefficient, value: number, da: number, db: number): Learned {
  check(b);
  const slopes = new Map<number, number>();
  for (const [k, slope] of slopesOf(a)) slopes.set(k, da * slope);
  for (const [k, slope] of slopesOf(b)) slopes.set(k, (slopes.get(k) ?? 0) + db * slope);
  return new Learned(value, slopes);
}

const scaled = (a: Learned, value: number, da: number) => join(a, 0, value, da, 0);

function check(b: unknown): void {
  if (typeof b === 'number' || b instanceof Learned) return;
  throw new InputError({
    given: `${shown(b)} with a learned number`,
    expected: 'a number, or another learned one',
    remedy: 'Tensors are learned with named tensors for λ, numbers with a Float64Array.',
  });
}
