import { floatConstant, get, set, spread } from '../kernels/assembly';

/**
 * Functions of four numbers of float32 at once, as WebAssembly code.
 *
 * Each is handed the local that holds its argument and a way to have more locals, and leaves the
 * result on the stack. They are right to some units in the last place, and pass a NaN on.
 */
export type Fours = (x: number, local: () => number) => number[];

const simd = (operation: number) => (operation < 0x80 ? [0xfd, operation] : [0xfd, operation, 1]);

export const [plus, minus, times, over, least, most] = [0xe4, 0xe5, 0xe6, 0xe7, 0xe8, 0xe9].map(
  simd,
) as [number[], number[], number[], number[], number[], number[]];
export const [absolute, negated, root] = [0xe0, 0xe1, 0xe3].map(simd) as [
  number[],
  number[],
  number[],
];
/** Comparisons: all bits of a number, or none. */
export const [areEqual, differ, areLess, areGreater, areAtMost, areAtLeast] = [
  0x41, 0x42, 0x43, 0x44, 0x45, 0x46,
].map(simd) as [number[], number[], number[], number[], number[], number[]];
export const [bitsAnd, bitsOr, choose] = [0x4e, 0x50, 0x52].map(simd) as [
  number[],
  number[],
  number[],
];
const [nearest, truncated, converted] = [0x6a, 0xf8, 0xfa].map(simd) as [
  number[],
  number[],
  number[],
];
const [addIntegers, subtractIntegers, shiftLeft, shiftRight, shiftRightUnsigned] = [
  0xae, 0xb1, 0xab, 0xac, 0xad,
].map(simd) as [number[], number[], number[], number[], number[]];

/** One number four times. */
export const four = (value: number) => [...floatConstant(value), ...spread];
const bits = (value: number) => [
  0xfd,
  0x0c,
  ...[0, 1, 2, 3].flatMap(() => [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff)),
];
const by = (count: number) => [0x41, count];

/** Σ cᵢ tⁱ by Horner's rule. */
const polynomial = (coefficients: number[], t: number): number[] => {
  const [highest, ...lower] = coefficients.toReversed();
  const rest = lower.flatMap((c) => [...get(t), ...times, ...four(c), ...plus]);
  return [...four(highest!), ...rest];
};

const LN2_HIGH = 0.693359375;
const LN2_LOW = Math.LN2 - LN2_HIGH;

/** `2ⁿ · Taylor(r)` with `x = n ln 2 + r`, `|r| ≤ ln 2 / 2`; 2ⁿ in two factors, for the ends. */
export const exponential: Fours = (x, local) => {
  const [n, r, i, half] = [local(), local(), local(), local()];
  const taylor = [1, 1, 1 / 2, 1 / 6, 1 / 24, 1 / 120, 1 / 720, 1 / 5040];
  const power = [...bits(127), ...addIntegers, ...by(23), ...shiftLeft];
  return [
    ...[...get(x), ...four(-104), ...most, ...four(89), ...least, ...set(r)],
    ...[...get(r), ...four(Math.LOG2E), ...times, ...nearest, ...set(n)],
    ...[...get(r), ...get(n), ...four(LN2_HIGH), ...times, ...minus],
    ...[...get(n), ...four(LN2_LOW), ...times, ...minus, ...set(r)],
    ...[...get(n), ...truncated, ...set(i), ...get(i), ...by(1), ...shiftRight, ...set(half)],
    ...polynomial(taylor, r),
    ...[...get(half), ...power, ...times],
    ...[...get(i), ...get(half), ...subtractIntegers, ...power, ...times],
  ];
};

/** `s(1 + s²/3 + s⁴/5 + …)`: the inverse hyperbolic tangent of s, to so many terms, twice. */
const twiceArtanh = (s: number, terms: number, local: () => number) => {
  const t = local();
  return [
    ...[...get(s), ...get(s), ...times, ...set(t)],
    ...polynomial(
      Array.from({ length: terms }, (_, k) => 2 / (2 * k + 1)),
      t,
    ),
    ...[...get(s), ...times],
  ];
};

/** `e ln 2 + 2 artanh((m − 1)/(m + 1))` with `x = m 2ᵉ`, m within √2 of 1. */
export const logarithm: Fours = (x, local) => {
  const [y, e, m, s, tiny] = [local(), local(), local(), local(), local()];
  const either = (mask: number[], then: number[]) => {
    // What is on the stack, unless the mask has ones.
    const other = local();
    return [...set(other), ...then, ...get(other), ...mask, ...choose];
  };
  return [
    ...[...get(x), ...four(2 ** -126), ...areLess, ...set(tiny)],
    ...[...get(x), ...four(2 ** 23), ...times, ...get(x), ...get(tiny), ...choose, ...set(y)],
    ...[...get(y), ...by(23), ...shiftRightUnsigned, ...bits(127), ...subtractIntegers],
    ...[...converted, ...get(tiny), ...four(23), ...bitsAnd, ...minus, ...set(e)],
    ...[...get(y), ...bits(0x7fffff), ...bitsAnd, ...bits(0x3f800000), ...bitsOr, ...set(m)],
    // A mantissa above √2 is halved.
    ...[...get(m), ...four(Math.SQRT2), ...areGreater, ...set(s)],
    ...[...get(e), ...get(s), ...four(1), ...bitsAnd, ...plus, ...set(e)],
    ...[...get(m), ...four(0.5), ...times, ...get(m), ...get(s), ...choose, ...set(m)],
    ...[...get(m), ...four(1), ...minus, ...get(m), ...four(1), ...plus, ...over, ...set(s)],
    ...twiceArtanh(s, 5, local),
    ...[...get(e), ...four(LN2_LOW), ...times, ...plus],
    ...[...get(e), ...four(LN2_HIGH), ...times, ...plus],
    ...either([...get(x), ...four(0), ...areEqual], four(Number.NEGATIVE_INFINITY)),
    ...either([...get(x), ...four(0), ...areLess], four(Number.NaN)),
    // Infinity and NaN are their own logarithms.
    ...either(
      [
        ...[...get(x), ...four(Number.POSITIVE_INFINITY), ...areEqual],
        ...[...get(x), ...get(x), ...differ, ...bitsOr],
      ],
      get(x),
    ),
  ];
};

/** `max(x, 0) + log(1 + exp(−|x|))`. */
export const softplus: Fours = (x, local) => {
  const [y, s] = [local(), local()];
  return [
    ...[...get(x), ...absolute, ...negated, ...set(y)],
    ...[...exponential(y, local), ...set(y)],
    ...[...get(y), ...get(y), ...four(2), ...plus, ...over, ...set(s)],
    ...twiceArtanh(s, 8, local),
    ...[...get(x), ...four(0), ...most, ...plus],
  ];
};

export const sigmoid: Fours = (x, local) => {
  const y = local();
  return [
    ...[...get(x), ...negated, ...set(y), ...four(1)],
    ...[...exponential(y, local), ...four(1), ...plus, ...over],
  ];
};

/** Lambert's fraction near 0, else `1 − 2/(exp(2|x|) + 1)` with the sign of x. */
export const hyperbolicTangent: Fours = (x, local) => {
  const [a, t, y] = [local(), local(), local()];
  return [
    ...[...get(x), ...absolute, ...set(a), ...get(x), ...get(x), ...times, ...set(t)],
    ...[...get(x), ...polynomial([945, 105, 1], t), ...times, ...polynomial([945, 420, 15], t)],
    ...[...over],
    ...[...get(a), ...get(a), ...plus, ...set(y)],
    ...[...four(1), ...four(2), ...exponential(y, local), ...four(1), ...plus, ...over, ...minus],
    ...[...get(x), ...bits(0x80000000), ...bitsAnd, ...bitsOr],
    ...[...get(a), ...four(0.55), ...areLess, ...choose],
  ];
};
