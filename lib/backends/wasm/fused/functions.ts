import { type FunctionBody, hasMultiplyAdd, type Local } from '../assembler';

/**
 * Functions of four numbers of float32 at once, written into a function.
 *
 * Each is handed the local that holds its argument and a way to have more locals, and leaves the
 * result on the stack. They are right to some units in the last place, and pass a NaN on.
 */
export type Fours = (f: FunctionBody, x: Local, local: () => Local) => void;

/** Σ cᵢ tⁱ by Horner's rule. */
function polynomial(f: FunctionBody, coefficients: readonly number[], t: Local): FunctionBody {
  const [highest, ...lower] = coefficients.toReversed();
  f.f32x4(highest!);
  for (const c of lower) {
    f.get(t);
    if (hasMultiplyAdd) f.f32x4(c).do('f32x4.relaxed_madd');
    else f.do('f32x4.mul').f32x4(c).do('f32x4.add');
  }
  return f;
}

const LN2_HIGH = 0.693359375;
const LN2_LOW = Math.LN2 - LN2_HIGH;
const TAYLOR = [1, 1, 1 / 2, 1 / 6, 1 / 24, 1 / 120, 1 / 720, 1 / 5040];

/** A number is an integer once this was added, whose bits are the integer's and those of this. */
const ROUNDING = 1.5 * 2 ** 23;
const ROUNDING_BITS = 0x4b400000;

/** 2ⁿ, of the integers n on the stack. */
const powerOfTwo = (f: FunctionBody) =>
  f.i32x4(127, 127, 127, 127).do('i32x4.add').i32(23).do('i32x4.shl');

/**
 * `2ⁿ · Taylor(r)` with `x = n ln 2 + r`, `|r| ≤ ln 2 / 2`; 2ⁿ in two factors, for the ends.
 *
 * `pmax` and `pmin` are an instruction each and pass a NaN in their first operand on; `max` and `min`
 * take eight, as rounding and conversion by their own names do.
 */
export const exponential: Fours = (f, x, local) => {
  const [n, r, i, half] = [local(), local(), local(), local()];
  f.get(x).f32x4(-104).do('f32x4.pmax').f32x4(89).do('f32x4.pmin').set(r);
  f.get(r).f32x4(Math.LOG2E).do('f32x4.mul').f32x4(ROUNDING).do('f32x4.add').set(i);
  f.get(i).f32x4(ROUNDING).do('f32x4.sub').set(n);
  f.get(r, n).f32x4(LN2_HIGH).do('f32x4.mul', 'f32x4.sub');
  f.get(n).f32x4(LN2_LOW).do('f32x4.mul', 'f32x4.sub').set(r);
  f.get(i).i32x4(ROUNDING_BITS, ROUNDING_BITS, ROUNDING_BITS, ROUNDING_BITS).do('i32x4.sub').set(i);
  f.get(i).i32(1).do('i32x4.shr_s').set(half);
  polynomial(f, TAYLOR, r);
  powerOfTwo(f.get(half)).do('f32x4.mul');
  powerOfTwo(f.get(i, half).do('i32x4.sub')).do('f32x4.mul');
};

/** `s(1 + s²/3 + s⁴/5 + …)`: twice the inverse hyperbolic tangent of s, to the given number of terms. */
function twiceArtanh(f: FunctionBody, s: Local, terms: number, local: () => Local): void {
  const t = local();
  f.get(s, s).do('f32x4.mul').set(t);
  const coefficients = Array.from({ length: terms }, (_, k) => 2 / (2 * k + 1));
  polynomial(f, coefficients, t).get(s).do('f32x4.mul');
}

/** `e ln 2 + 2 artanh((m − 1)/(m + 1))` with `x = m 2ᵉ`, m within √2 of 1. */
export const logarithm: Fours = (f, x, local) => {
  const [y, e, m, s, tiny] = [local(), local(), local(), local(), local()];
  const bits = (value: number) => f.i32x4(value, value, value, value);
  f.get(x)
    .f32x4(2 ** -126)
    .do('f32x4.lt')
    .set(tiny);
  f.get(x).f32x4(2 ** 23);
  f.do('f32x4.mul').get(x, tiny).do('v128.bitselect').set(y).get(y).i32(23).do('i32x4.shr_u');
  bits(127).do('i32x4.sub', 'f32x4.convert_i32x4_s');
  f.get(tiny).f32x4(23).do('v128.and', 'f32x4.sub').set(e).get(y);
  bits(0x7fffff).do('v128.and');
  bits(0x3f800000).do('v128.or').set(m);
  // A mantissa above √2 is halved.
  f.get(m).f32x4(Math.SQRT2).do('f32x4.gt').set(s);
  f.get(e, s).f32x4(1).do('v128.and', 'f32x4.add').set(e);
  f.get(m).f32x4(0.5).do('f32x4.mul').get(m, s).do('v128.bitselect').set(m);
  f.get(m).f32x4(1).do('f32x4.sub').get(m).f32x4(1).do('f32x4.add', 'f32x4.div').set(s);
  twiceArtanh(f, s, 5, local);
  f.get(e).f32x4(LN2_LOW).do('f32x4.mul', 'f32x4.add');
  f.get(e).f32x4(LN2_HIGH).do('f32x4.mul', 'f32x4.add');
  /** What is on the stack, or something else where a mask has ones. */
  const unless = (mask: () => void, then: () => void) => {
    const other = local();
    f.set(other);
    then();
    f.get(other);
    mask();
    f.do('v128.bitselect');
  };
  unless(
    () => f.get(x).f32x4(0).do('f32x4.eq'),
    () => f.f32x4(Number.NEGATIVE_INFINITY),
  );
  unless(
    () => f.get(x).f32x4(0).do('f32x4.lt'),
    () => f.f32x4(Number.NaN),
  );
  // Infinity and NaN are their own logarithms.
  unless(
    () => {
      f.get(x).f32x4(Number.POSITIVE_INFINITY).do('f32x4.eq');
      f.get(x, x).do('f32x4.ne', 'v128.or');
    },
    () => f.get(x),
  );
};

/** `max(x, 0) + log(1 + exp(−|x|))`. */
export const softplus: Fours = (f, x, local) => {
  const [y, s] = [local(), local()];
  f.get(x).do('f32x4.abs', 'f32x4.neg').set(y);
  exponential(f, y, local);
  f.set(y).get(y, y).f32x4(2).do('f32x4.add', 'f32x4.div').set(s);
  twiceArtanh(f, s, 8, local);
  f.get(x).f32x4(0).do('f32x4.pmax', 'f32x4.add');
};

/** `1 / (1 + exp(−x))`. */
export const sigmoid: Fours = (f, x, local) => {
  const y = local();
  f.get(x).do('f32x4.neg').set(y).f32x4(1);
  exponential(f, y, local);
  f.f32x4(1).do('f32x4.add', 'f32x4.div');
};

/** From here on tanh is 1 in float32. */
const ONE = 9.1;
/** `(exp(r) − 1 − r)/r²`, as a series. */
const TAYLOR_FROM_SQUARES = TAYLOR.slice(2);

/**
 * `E/(E + 2)` with `E = exp(2|x|) − 1` and the sign of x, off by less than 2.5 units in the last place.
 *
 * With `2|x| = n ln 2 + r`, E is `2ⁿ (exp(r) − 1) + (2ⁿ − 1)`, which is as exact near 0 as elsewhere.
 */
export const hyperbolicTangent: Fours = (f, x, local) => {
  const [r, n, power] = [local(), local(), local()];
  const [i, e] = [power, n];
  f.get(x).do('f32x4.abs').f32x4(ONE).do('f32x4.pmin').set(r);
  f.get(r, r).do('f32x4.add').set(r);
  f.get(r).f32x4(Math.LOG2E).do('f32x4.mul').f32x4(ROUNDING).do('f32x4.add').set(i);
  f.get(i).f32x4(ROUNDING).do('f32x4.sub').set(n);
  f.get(r, n).f32x4(LN2_HIGH).do('f32x4.mul', 'f32x4.sub');
  f.get(n).f32x4(LN2_LOW).do('f32x4.mul', 'f32x4.sub').set(r);
  f.get(i).i32x4(ROUNDING_BITS, ROUNDING_BITS, ROUNDING_BITS, ROUNDING_BITS).do('i32x4.sub');
  powerOfTwo(f).set(power);
  polynomial(f, TAYLOR_FROM_SQUARES, r).get(r).do('f32x4.mul').get(r).do('f32x4.mul');
  f.get(r).do('f32x4.add').get(power).do('f32x4.mul');
  f.get(power).f32x4(1).do('f32x4.sub', 'f32x4.add').set(e);
  f.get(e, e).f32x4(2).do('f32x4.add', 'f32x4.div');
  const sign = 0x80000000;
  f.get(x).i32x4(sign, sign, sign, sign).do('v128.and', 'v128.or');
};
