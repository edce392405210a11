import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { linearize } from '../autodiff';
import { InputError, NotFiniteError, ShapeError } from '../errors';
import { argmin, attach, kkt, projectedStationarity } from '../hypergradients';
import { random } from '../numbers';
import { dense } from '../solvers';
import { ball, box, type Constraint, simplex } from '.';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const sets: [string, Constraint, (x: Float64Array) => boolean][] = [
  ['box', box({ lower: -0.5, upper: 0.8 }), (x) => x.every((v) => v >= -0.5 && v <= 0.8)],
  [
    'box of lists',
    box({ lower: Float64Array.of(-1, 0, -2, 0.2, 0), upper: Float64Array.of(0, 1, 2, 0.3, 0) }),
    (x) => x.every((v, i) => v >= [-1, 0, -2, 0.2, 0][i]! && v <= [0, 1, 2, 0.3, 0][i]!),
  ],
  ['half-line', box({ lower: 0 }), (x) => x.every((v) => v >= 0)],
  ['ball', ball({ radius: 1.5 }), (x) => Math.hypot(...x) <= 1.5 * (1 + 1e-12)],
  [
    'simplex',
    simplex({ total: 2 }),
    (x) => x.every((v) => v >= 0) && Math.abs(x.reduce((a, b) => a + b) - 2) < 1e-12,
  ],
];
const stream = random(11);
const dot = (a: Float64Array, b: Float64Array) => a.reduce((sum, v, i) => sum + v * b[i]!, 0);
const minus = (a: Float64Array, b: Float64Array) => a.map((v, i) => v - b[i]!);

describe.each(sets)('%s', (name, set, contains) => {
  const places = Array.from({ length: 20 }, (_, i) =>
    stream.normals(5).map((value) => value * 10 ** ((i % 5) - 2)),
  );

  it('projects to the nearest point of the set', () => {
    for (const x of places) {
      const p = set.project(x);
      expect(contains(p)).toBe(true);
      // Its own projection, and at no acute angle to any other point of the set.
      expect(Math.hypot(...minus(set.project(p), p))).toBeLessThan(1e-12);
      for (const other of places) {
        const y = set.project(other);
        expect(dot(minus(x, p), minus(y, p))).toBeLessThan(1e-9 * (1 + dot(x, x)));
      }
    }
  });

  it('has the derivative that differences have', () => {
    for (const x of places) {
      const v = stream.normals(5);
      const h = 1e-6 * Math.hypot(...x);
      const at = (t: number) => set.project(x.map((value, i) => value + t * v[i]!));
      const difference = minus(at(h), at(-h)).map((value) => value / (2 * h));
      const product = set.derivative(x)(v);
      expect(Math.hypot(...minus(product, difference))).toBeLessThan(1e-6);
    }
  });

  it('is the same on tensors, whose derivative is too, forwards and back', () => {
    if (name === 'box of lists') {
      expect(() => set.project(tf.zeros([5]))).toThrow(ShapeError);
      return;
    }
    for (const place of places) {
      const x = place.map(Math.fround);
      const scale = 1 + Math.hypot(...x);
      const v = stream.normals(5);
      tf.tidy(() => {
        const [point, direction] = [tf.tensor1d([...x]), tf.tensor1d([...v])];
        const p = Float64Array.from(set.project(point).dataSync());
        expect(Math.hypot(...minus(p, set.project(x)))).toBeLessThan(3e-7 * scale);
        const { jvp, vjp, dispose } = linearize(({ x }) => set.project(x!), { x: point });
        const expected = set.derivative(x)(v);
        for (const product of [jvp({ x: direction }), vjp(direction).x!]) {
          const numbers = Float64Array.from(product.dataSync());
          expect(Math.hypot(...minus(numbers, expected))).toBeLessThan(1e-5);
        }
        dispose();
      });
    }
  });

  it('prints as a record, and refuses what is not a vector', () => {
    expect(JSON.parse(JSON.stringify(set)).name).toBe(
      name.split(' ')[0]!.replace('half-line', 'box'),
    );
    expect(() => set.project(3 as never)).toThrow(InputError);
    expect(() => set.project(Float64Array.of(1, Number.NaN, 0, 0, 0))).toThrow(NotFiniteError);
  });
});

it('rows of a tensor are projected to the simplex each, the point 0 to the ball without NaN', () => {
  const x = tf.tensor2d([
    [3, 1],
    [-1, 1],
    [0.2, 0.4],
  ]);
  const p = simplex().project(x);
  [1, 0, 0, 1, 0.4, 0.6].forEach((value, i) => {
    expect(p.dataSync()[i]).toBeCloseTo(value, 6);
  });
  const gradient = tf.grad((x) => tf.sum(ball().project(x)))(tf.zeros([3]));
  expect([...gradient.dataSync()]).toEqual([1, 1, 1]);
});

it.each<[string, () => unknown]>([
  ['a box that is empty', () => box({ lower: 1, upper: 0 })],
  ['a bound that is NaN', () => box({ lower: Number.NaN })],
  ['a misspelt bound', () => box({ uper: 1 } as object)],
  ['a ball without radius', () => ball({ radius: 0 })],
  ['a simplex without total', () => simplex({ total: -1 })],
  ['no constraint', () => projectedStationarity(() => tf.scalar(0), {} as never)],
  ['a step of 0', () => projectedStationarity(() => tf.scalar(0), box(), { step: 0 })],
  ['no objective', () => kkt({} as never)],
])('%s is refused', (_, call) => {
  expect(call).toThrow(InputError);
});

/** minimise ½ xᵀQx − θᵀx; on the simplex its solution is that of a linear system in its support. */
const Q = tf.tensor2d([
  [3, 0.5, 0.2],
  [0.5, 2, 0.3],
  [0.2, 0.3, 1],
]);
const quadratic = (x: tf.Tensor, θ?: tf.Tensor) =>
  tf.sub(tf.mul(0.5, tf.dot(x, tf.dot(Q, x))), tf.dot(θ!, x)) as tf.Scalar;
const solveOn = (set: (θ: tf.Tensor) => Constraint) => (θ?: tf.Tensor) =>
  tf.tidy(() => {
    let x: tf.Tensor = tf.fill([3], 1 / 3);
    for (let i = 0; i < 150; i++) {
      x = set(θ!).project(tf.sub(x, tf.mul(0.3, tf.sub(tf.dot(Q, x), θ!))));
    }
    return x;
  });
const sum = (x: tf.Tensor) => tf.dot(x, tf.tensor1d([1, -2, 3])) as tf.Scalar;

describe('the derivative of the solution of a quadratic program', () => {
  // With entries at 0 and inside; the entry at 0 has a multiplier.
  const θ = tf.tensor1d([-1, 1.2, 0.9]);
  const multiplier = (x: tf.Tensor, θ: tf.Tensor) => tf.sub(tf.dot(Q, x), θ);
  const F = kkt({
    objective: quadratic,
    equality: (x) => tf.sub(tf.sum(x), 1),
    inequality: (x) => tf.neg(x),
  });
  const viaKkt = (θ?: tf.Tensor) =>
    tf.tidy(() => {
      const x = solveOn(() => simplex())(θ);
      const gradient = multiplier(x, θ!);
      const ν = tf.neg(tf.min(gradient));
      const inside = tf.cast(tf.greater(x, 0), 'float32');
      const μ = tf.mul(tf.sub(1, inside), tf.add(gradient, ν));
      return { x, equality: ν, inequality: μ };
    });
  const onSimplex = argmin(
    solveOn(() => simplex()),
    projectedStationarity(quadratic, simplex(), { step: 0.5 }),
  );
  const onSimplexByKkt = argmin(viaKkt, F, { solver: dense() });
  // In the support {1, 2}: x = (a, 1 − a) with (Q₂₂ + Q₃₃ − 2Q₂₃) a = θ₂ − θ₃ + Q₃₃ − Q₂₃.
  const curvature = 2 + 1 - 2 * 0.3;
  const slope = (-2 - 3) / curvature;

  it.each<[string, (θ: tf.Tensor) => tf.Tensor]>([
    ['as a fixed point of projected steps', (θ) => onSimplex(θ)],
    ['by the conditions of Karush, Kuhn and Tucker', (θ) => onSimplexByKkt(θ).x!],
  ])('on the simplex, %s', (_, solution) => {
    const x = [...tf.tidy(() => solution(θ)).dataSync()];
    const a = (1.2 - 0.9 + 1 - 0.3) / curvature;
    [0, a, 1 - a].forEach((value, i) => {
      expect(x[i]).toBeCloseTo(value, 4);
    });
    const gradient = [
      ...tf
        .grad((θ) => sum(solution(θ)))(θ)
        .dataSync(),
    ];
    [0, slope, -slope].forEach((value, i) => {
      expect(gradient[i]).toBeCloseTo(value, 3);
    });
  });

  it('in a box, its bound an argument too: as differences have it', () => {
    const bounded = (upper: tf.Tensor) => box({ lower: 0, upper });
    const solution = argmin(
      (θ, upper) => solveOn(() => bounded(upper!))(θ),
      projectedStationarity(
        (x, θ) => quadratic(x, θ),
        (_, upper) => bounded(upper!),
        { step: 0.4 },
      ),
    );
    const θ = tf.tensor1d([-1, 1.2, 2]);
    const upper = tf.scalar(0.7);
    const loss = (θ: tf.Tensor, upper: tf.Tensor) => sum(solution(θ, upper)) as tf.Scalar;
    const [dθ, dUpper] = tf.grads(loss)([θ, upper]) as [tf.Tensor, tf.Tensor];
    // x = (0, (θ₂ − .3 u)/2, u).
    [0, -1, 0].forEach((value, i) => {
      expect(dθ.dataSync()[i]).toBeCloseTo(value, 4);
    });
    expect(dUpper.dataSync()[0]).toBeCloseTo(-2 * (-0.3 / 2) + 3, 4);
    const at = (u: number) => loss(θ, tf.scalar(u)).dataSync()[0]!;
    expect((at(0.75) - at(0.65)) / 0.1).toBeCloseTo(dUpper.dataSync()[0]!, 3);
  });

  it('refuses a point with other names, and is attached to one that was found', () => {
    expect(() => F({ x: θ, equality: θ }, θ)).toThrow(/x, equality, inequality/);
    const found = solveOn(() => ball({ radius: 0.5 }))(θ);
    const optimality = projectedStationarity(quadratic, ball({ radius: 0.5 }), { step: 0.3 });
    const solution = attach(found, optimality);
    const gradient = tf.grad((θ) => tf.sum(tf.square(solution(θ))))(θ);
    // On the sphere ‖x‖² cannot change.
    for (const value of gradient.dataSync()) expect(Math.abs(value)).toBeLessThan(1e-4);
  });
});

it.each([1e6 + 0.25, 1e8, 1e17, 1e30, -1e30])(
  'a part of %d that entries have in common does not move a projection to the simplex',
  (part) => {
    const x = Float64Array.of(part, part, part - Math.abs(part) / 2);
    expect([...simplex().project(x)]).toEqual([0.5, 0.5, 0]);
    expect([...simplex().derivative(x)(Float64Array.of(1, 0, 3))]).toEqual([0.5, -0.5, 0]);
    const project = (x: tf.Tensor) => simplex().project(x);
    const single = Math.fround(part);
    const rows = tf.tensor2d([[single, single, single - Math.abs(single) / 2]]);
    expect(Array.from(project(rows).dataSync(), Math.abs)).toEqual([0.5, 0.5, 0]);
    const back = tf.grads((x: tf.Tensor, u: tf.Tensor) => tf.sum(tf.mul(u, project(x))));
    const [slope] = back([rows, tf.tensor2d([[1, 0, 3]])]);
    expect(Array.from(slope!.dataSync(), (value) => value + 0)).toEqual([0.5, -0.5, 0]);
  },
);

it('a vector may be longer than a list of arguments', () => {
  const x = new Float64Array(200_000).fill(1);
  expect(ball().project(x)[0]).toBeCloseTo(1 / Math.sqrt(x.length), 12);
  expect(ball().derivative(x)(x)[0]).toBeCloseTo(0, 12);
  expect(simplex().project(x)[0]).toBeCloseTo(1 / x.length, 12);
});

it('what cannot be a direction, a row or a bound is refused', () => {
  const x = Float64Array.of(3, 4);
  for (const set of [box({ lower: 0 }), ball(), simplex()]) {
    expect(() => set.derivative(x)(Float64Array.of(1))).toThrow(ShapeError);
    expect(() => set.derivative(x)(new Float32Array(2) as never)).toThrow(InputError);
  }
  expect(() => simplex().project(new Float64Array(0))).toThrow(ShapeError);
  expect(() => simplex().project(tf.zeros([2, 0]))).toThrow(ShapeError);
  expect(() => box({ lower: Float64Array.of(1, 2), upper: 0 })).toThrow(InputError);
  expect(() => box({ lower: x, upper: Float64Array.of(5) })).toThrow(ShapeError);
});

it('an array of bounds is copied', () => {
  const lower = Float64Array.of(0);
  const set = box({ lower });
  lower[0] = 5;
  expect([...set.project(Float64Array.of(-1))]).toEqual([0]);
});

it('bounds of a box that are tensors have the shape of x, or are scalars', () => {
  const bounds = box({ lower: tf.tensor1d([0, 0, 0]), upper: tf.scalar(1) });
  expect([...bounds.project(tf.tensor1d([-1, 0.5, 2])).dataSync()]).toEqual([0, 0.5, 1]);
  for (const x of [tf.zeros([3, 1]), tf.zeros([2, 3]), tf.scalar(0)]) {
    expect(() => bounds.project(x)).toThrow(ShapeError);
  }
});

describe('the derivative of a minimum on a set does not see the units of x and of the loss', () => {
  const θ = tf.tensor1d([-1, 1.2, 0.9]);
  const sets: Record<string, (unit: number) => Constraint> = {
    box: (unit) => box({ lower: 0, upper: 0.7 * unit }),
    simplex: (unit) => simplex({ total: unit }),
    ball: (unit) => ball({ radius: 0.5 * unit }),
  };
  const slope = (set: Constraint, minimum: Float64Array, unit: number, ofLoss: number) => {
    const loss = (x: tf.Tensor, θ: tf.Tensor) => {
      const z = tf.div(x, unit);
      const value = tf.sub(tf.mul(0.5, tf.dot(z, tf.dot(Q, z))), tf.dot(θ, z));
      return tf.mul(ofLoss, value) as tf.Scalar;
    };
    const x = argmin(
      () => tf.tensor1d([...minimum].map((value) => value * unit)),
      projectedStationarity(loss, set),
      { onFailure: 'throw' },
    );
    return tf
      .grad((θ: tf.Tensor) => sum(tf.div(x(θ), unit)))(θ)
      .dataSync();
  };

  it.each(Object.entries(sets))('%s', (_, set) => {
    // The minimum, by projected gradient descent in float64.
    const [matrix, linear] = [Q.arraySync(), [...θ.dataSync()]];
    const projected = set(1);
    let minimum: Float64Array = Float64Array.of(0.3, 0.3, 0.3);
    for (let k = 0; k < 2000; k++) {
      const next = minimum.map((value, i) => {
        const product = matrix[i]!.reduce((all, q, j) => all + q * minimum[j]!, 0);
        return value - 0.2 * (product - linear[i]!);
      });
      minimum = projected.project(next);
    }
    const expected = slope(set(1), minimum, 1, 1);
    expect(Math.max(...expected.map(Math.abs))).toBeGreaterThan(0.1);
    for (const unit of [1e-15, 1e-6, 1, 1e6, 1e15]) {
      for (const ofLoss of [1e-20, 1e-10, 1, 1e10, 1e20]) {
        const inRange = Math.abs(Math.log10(ofLoss) - 2 * Math.log10(unit)) < 30;
        if (!inRange) continue;
        slope(set(unit), minimum, unit, ofLoss).forEach((value, i) => {
          expect(Math.abs(value - expected[i]!), `${unit}, ${ofLoss}`).toBeLessThan(1e-3);
        });
      }
    }
  });
});

it('kkt has a multiplier for each inequality, and never broadcasts one', () => {
  const optimality = kkt({
    objective: (x) => tf.sum(tf.square(x)) as tf.Scalar,
    inequality: (x) => tf.sum(x),
  });
  const point = { x: tf.ones([3]), inequality: tf.ones([3]) };
  expect(() => optimality(point)).toThrow(ShapeError);
  expect(optimality({ ...point, inequality: tf.scalar(1) }).inequality!.shape).toEqual([]);
});
