import { describe, expect, it } from 'vitest';
import { InputError, ShapeError } from '../../errors';
import { crossProducts, multiplyTransposed, random } from '../../numbers';
import {
  type Condition,
  collocation,
  type Jet,
  type JetFactors,
  type TanhNetwork,
  tanhNetwork,
} from '.';

const SHAPES = [
  [1, 5, 1],
  [1, 4, 3, 1],
  [2, 6, 5, 1],
  [3, 4, 8, 2, 1],
  [2, 1],
];

const moved = (x: Float64Array, i: number, by: number) => {
  const to = x.slice();
  to[i]! += by;
  return to;
};

describe.each(SHAPES)('a network of sizes %j …', (...sizes) => {
  const network = tanhNetwork({ sizes });
  const stream = random(7);
  const w = stream.normals(network.size);
  const x = stream.normals(sizes[0]!);

  it('has the derivatives with respect to its inputs that differences have', () => {
    const { value, first, second } = network.jet(w, x);
    const h = 1e-4;
    for (let k = 0; k < x.length; k++) {
      const up = network.jet(w, moved(x, k, h));
      const down = network.jet(w, moved(x, k, -h));
      expect(first[k]).toBeCloseTo((up.value - down.value) / (2 * h), 5);
      expect(second[k]).toBeCloseTo((up.value - 2 * value + down.value) / (h * h), 4);
      expect(second[k]).toBeCloseTo((up.first[k]! - down.first[k]!) / (2 * h), 5);
    }
  });

  it('pulls any factors of its jet back to its parameters', () => {
    const factors = {
      value: stream.normal(),
      first: stream.normals(x.length),
      second: stream.normals(x.length),
    };
    const paired = ({ value, first, second }: Jet) =>
      factors.value * value +
      factors.first.reduce((sum, f, k) => sum + f * first[k]! + factors.second[k]! * second[k]!, 0);
    const out = new Float64Array(network.size).fill(2);
    network.record(w, x).pull(factors, out);
    const h = 1e-5;
    for (let i = 0; i < w.length; i++) {
      const up = paired(network.jet(moved(w, i, h), x));
      const down = paired(network.jet(moved(w, i, -h), x));
      expect(out[i]! - 2).toBeCloseTo((up - down) / (2 * h), 5);
    }
  });
});

it('is linear in its input without hidden layers', () => {
  const { value, first, second } = tanhNetwork({ sizes: [2, 1] }).jet(
    Float64Array.of(3, -1, 0.5),
    Float64Array.of(2, 1),
  );
  expect(value).toBe(5.5);
  expect(first).toEqual(Float64Array.of(3, -1));
  expect(second).toEqual(Float64Array.of(0, 0));
});

describe('collocation', () => {
  const network = tanhNetwork({ sizes: [2, 4, 3, 1] });
  const stream = random(3);
  const points = (count: number) => Array.from({ length: count }, () => stream.normals(2));
  // u u_x − u_yy = x₀, nonlinear; and u = 1.
  const conditions: Condition[] = [
    {
      points: points(5),
      weight: 3,
      equation: ({ value, first, second }, x) => ({
        residual: value * first[0]! - second[1]! - x[0]!,
        slopes: { value: first[0]!, first: [value, 0], second: [0, -1] },
      }),
    },
    { points: points(2), equation: ({ value }) => ({ residual: value - 1, slopes: { value: 1 } }) },
  ];
  const problem = collocation(network, conditions);
  const w = network.init(5);

  it('weighs the mean square of each condition', () => {
    const sum = conditions.reduce((total, { points: at, equation, weight = 1 }) => {
      const squares = at.map((x) => equation(network.jet(w, x), x).residual ** 2);
      return total + (weight / at.length) * squares.reduce((a, b) => a + b);
    }, 0);
    const r = problem.residuals(w);
    expect(r).toHaveLength(7);
    expect(r.reduce((a, b) => a + b * b, 0)).toBeCloseTo(sum, 12);
    expect(problem.linearize(w).residuals).toEqual(r);
  });

  it('has the Jacobian of its residuals, and the gradient Jᵀr', () => {
    const { residuals, jacobian } = problem.linearize(w);
    const rows = jacobian as Float64Array[];
    const h = 1e-6;
    for (let j = 0; j < w.length; j++) {
      const up = problem.residuals(moved(w, j, h));
      const down = problem.residuals(moved(w, j, -h));
      rows.forEach((row, i) => {
        expect(row[j]).toBeCloseTo((up[i]! - down[i]!) / (2 * h), 6);
      });
    }
    const { value, gradient } = problem.valueAndGradient(w);
    expect(value).toBeCloseTo(
      residuals.reduce((a, b) => a + (b * b) / 2, 0),
      12,
    );
    multiplyTransposed(rows, residuals).forEach((g, j) => {
      expect(gradient[j]).toBeCloseTo(g, 12);
    });
  });

  it('refuses what makes no problem', () => {
    const equation = conditions[1]!.equation;
    const wrong: Condition[][] = [
      [],
      [{ points: [], equation }],
      [{ points: points(1), equation, weight: 0 }],
      [{ points: points(1), equation, weight: Number.NaN }],
    ];
    for (const given of wrong) expect(() => collocation(network, given)).toThrow(InputError);
    for (const part of ['sizes', 'size', 'record'] as const) {
      const without = { ...network, [part]: undefined } as unknown as typeof network;
      expect(() => collocation(without, conditions)).toThrow(InputError);
    }
    const misspelt = collocation(network, [
      {
        points: points(1),
        equation: () => ({ residual: 0, slopes: { frist: [1, 1] } as JetFactors }),
      },
    ]);
    expect(() => misspelt.linearize(w)).toThrow(/'frist'/);
    const slopes: JetFactors = { first: [1] };
    const short = collocation(network, [
      { points: points(1), equation: () => ({ residual: 0, slopes }) },
    ]);
    expect(() => short.valueAndGradient(w)).toThrow(ShapeError);
    expect(() => network.jet(w, Float64Array.of(1))).toThrow(ShapeError);
    expect(() => network.jet(w.subarray(1), Float64Array.of(1, 2))).toThrow(ShapeError);
  });

  it.each([[[2]], [[2, 0, 1]], [[2, 3]], [[2.5, 1]], ['2, 1']])('refuses the sizes %j', (sizes) => {
    expect(() => tanhNetwork({ sizes: sizes as number[] })).toThrow(InputError);
  });
});

/** The same network, evaluated point by point: `collocation` does not know its functions. */
const byPoint = (network: TanhNetwork): TanhNetwork => ({
  ...network,
  record: (w, x) => network.record(w, x),
});

describe.each([...SHAPES, [2, 30, 30, 1], [20, 5, 1]])(
  'points of a network of sizes %j … in blocks',
  (...sizes) => {
    const network = tanhNetwork({ sizes });
    const stream = random(11);
    const w = stream.normals(network.size);
    const d = sizes[0]!;
    /** Less than a block, and several that are not full. */
    const conditions = (inside: () => void = () => {}): Condition[] => [
      {
        points: Array.from({ length: 75 }, () => stream.normals(d)),
        weight: 3,
        equation({ value, first, second }) {
          inside();
          return {
            residual: value * first[0]! - second[d - 1]!,
            slopes: {
              value: first[0]!,
              first: first.map((_, k) => (k === 0 ? value : 0)),
              second: second.map((_, k) => (k === d - 1 ? -1 : 0)),
            },
          };
        },
      },
      {
        points: [stream.normals(d)],
        equation: ({ value }) => ({ residual: value, slopes: { value: 1 } }),
      },
    ];
    const given = conditions();

    it('have the residuals, the Jacobian and the gradient of points one by one', () => {
      const [blocks, points] = [collocation(network, given), collocation(byPoint(network), given)];
      const [found, wanted] = [blocks.linearize(w), points.linearize(w)];
      near(found.residuals, wanted.residuals);
      (wanted.jacobian as Float64Array[]).forEach((row, i) => {
        near((found.jacobian as Float64Array[])[i]!, row);
      });
      expect(blocks.residuals(w)).toEqual(found.residuals);
      near(blocks.valueAndGradient(w).gradient, points.valueAndGradient(w).gradient);
      expect(blocks.valueAndGradient(w).value).toBeCloseTo(points.valueAndGradient(w).value, 9);
    });

    it('may have equations that compute something else, or throw', () => {
      const plain = collocation(network, given);
      const rows = Array.from({ length: 70 }, () => stream.normals(70));
      let calls = 0;
      const busy = collocation(
        network,
        given.map((condition) => ({
          ...condition,
          equation(u: Jet, x: Float64Array) {
            if (calls++ % 20 === 3) {
              crossProducts(rows);
              plain.residuals(w);
            }
            return condition.equation(u, x);
          },
        })),
      );
      const [found, wanted] = [busy.linearize(w), plain.linearize(w)];
      expect(isSame(found.residuals, wanted.residuals)).toBe(true);
      const rowsFound = found.jacobian as Float64Array[];
      expect(
        rowsFound.every((row, i) => isSame(row, (wanted.jacobian as Float64Array[])[i]!)),
      ).toBe(true);
      const { gradient } = plain.valueAndGradient(w);
      expect(isSame(busy.valueAndGradient(w).gradient, gradient)).toBe(true);
      const failing = collocation(network, [
        {
          points: given[0]!.points,
          equation: () => {
            throw new Error('no such equation');
          },
        },
      ]);
      expect(() => failing.linearize(w)).toThrow('no such equation');
      expect(isSame(plain.valueAndGradient(w).gradient, gradient)).toBe(true);
    });
  },
);

/** To the last bit. (A difference of long arrays takes minutes to print.) */
const isSame = (a: Float64Array, b: Float64Array) =>
  a.length === b.length && a.every((value, i) => value === b[i]);

/** To rounding of the largest. */
function near(found: Float64Array, wanted: Float64Array) {
  expect(found).toHaveLength(wanted.length);
  const scale = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-3);
  const apart = found.reduce((most, value, i) => Math.max(most, Math.abs(value - wanted[i]!)), 0);
  expect(apart / scale).toBeLessThan(1e-11);
}

it('a network with a function of its own is asked', () => {
  const network = tanhNetwork({ sizes: [1, 3, 1] });
  let calls = 0;
  const counted: TanhNetwork = {
    ...network,
    record(w, x) {
      calls += 1;
      return network.record(w, x);
    },
  };
  const points = [Float64Array.of(0.1), Float64Array.of(0.2)];
  const equation: Condition['equation'] = ({ value }) => ({
    residual: value,
    slopes: { value: 1 },
  });
  collocation(counted, [{ points, equation }]).valueAndGradient(network.init(1));
  expect(calls).toBe(2);
  const jet: TanhNetwork['jet'] = () => ({
    value: 7,
    first: new Float64Array(1),
    second: new Float64Array(1),
  });
  const other = {
    ...network,
    jet,
    record: () => ({ jet: jet(points[0]!, points[0]!), pull() {} }),
  };
  expect([...collocation(other, [{ points, equation }]).residuals(network.init(1))]).toEqual([
    7 / Math.sqrt(2),
    7 / Math.sqrt(2),
  ]);
});
