import type { Arithmetic } from './arithmetic';

/** A vector together with its derivatives in some directions. */
export interface Carrier<V> {
  value: V;
  tangents: V[];
}

/** Forward mode: arithmetic on vectors that carry their tangents along. */
export function carryTangents<V>(plain: Arithmetic<V>): Arithmetic<Carrier<V>> {
  const { combine, multiply, divide, sqrt, shift } = plain;
  return {
    combine: (terms) => ({
      value: combine(terms.map(([a, x]) => [a, x.value])),
      tangents: terms[0]![1].tangents.map((_, j) =>
        combine(terms.map(([a, x]) => [a, x.tangents[j]!])),
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
    shift: (x, c) => ({ value: shift(x.value, c), tangents: x.tangents }),
  };
}
