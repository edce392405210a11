import type { Arithmetic, Term } from '../methods';
import { type Coefficient, slopesOf } from '../methods';

/** A vector together with its derivatives in some directions. */
export interface Carrier<V> {
  value: V;
  tangents: V[];
}

/**
 * Forward mode: arithmetic on vectors that carry their tangents along.
 *
 * @param slopes `∂sₖ/∂λⱼ` of learned numbers, by k and then by the direction j
 */
export function carryTangents<V>(
  plain: Arithmetic<V>,
  slopes: ReadonlyMap<number, Float64Array> = new Map(),
): Arithmetic<Carrier<V>> {
  /** The derivative of a coefficient in direction j. */
  const slope = (a: Coefficient, j: number) => {
    let sum = 0;
    for (const [k, da] of slopesOf(a)) sum += da * (slopes.get(k)?.[j] ?? 0);
    return sum;
  };
  const { combine, multiply, divide, sqrt, shift } = plain;
  return {
    combine: (terms) => ({
      value: combine(terms.map(([a, x]) => [a, x.value])),
      tangents: terms[0]![1].tangents.map((_, j) =>
        combine(
          terms.flatMap(([a, x]): Term<V>[] => {
            const da = slope(a, j);
            return da === 0
              ? [[a, x.tangents[j]!]]
              : [
                  [a, x.tangents[j]!],
                  [da, x.value],
                ];
          }),
        ),
      ),
    }),
    multiply: (x, y) => ({
      value: multiply(x.value, y.value),
      tangents: x.tangents.map((dx, j) =>
        combine([
          [1, multiply(dx, y.value)],
          [1, multiply(x.value, y.tangents[j]!)],
        ]),
      ),
    }),
    divide(x, y) {
      const value = divide(x.value, y.value);
      const tangents = x.tangents.map((dx, j) =>
        divide(
          combine([
            [1, dx],
            [-1, multiply(value, y.tangents[j]!)],
          ]),
          y.value,
        ),
      );
      return { value, tangents };
    },
    sqrt(x) {
      const value = sqrt(x.value);
      const twice = combine([[2, value]]);
      return { value, tangents: x.tangents.map((dx) => divide(dx, twice)) };
    },
    shift: (x, c) => ({
      value: shift(x.value, c),
      tangents: x.tangents.map((dx, j) => {
        const dc = slope(c, j);
        return dc === 0 ? dx : shift(dx, dc);
      }),
    }),
  };
}
