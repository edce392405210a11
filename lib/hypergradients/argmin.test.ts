import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { linearize } from '../autodiff';
import { cg, cgNormal, dense, gmres, minres } from '../solvers';
import type { NamedTensors } from '../spaces';
import { argmin, attach, stationarity } from '.';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
beforeEach(() => {
  warn.mockClear();
});
afterEach(() => {
  expect(tf.engine().state.gradientDepth).toBe(0);
});

const list = (x: tf.Tensor) => [...x.dataSync()];
const near = (values: number[], digits = 4) => values.map((v) => expect.closeTo(v, digits));

/** x* = θ^(1/3), by Newton's steps: x' = 1/(3x²), x″ = −2/(9x⁵). */
const cubeRoot = argmin(
  (θ) => {
    let x = tf.onesLike(θ!);
    for (let i = 0; i < 30; i++) {
      x = tf.sub(x, tf.div(tf.sub(tf.pow(x, 3), θ!), tf.mul(3, tf.square(x))));
    }
    return x;
  },
  (x: tf.Tensor, θ) => tf.sub(tf.mul(x, tf.square(x)), θ!),
);

/** Ridge: x* = (XᵀX + λ)⁻¹ Xᵀy, found by descent with gradients of its own. */
const X = tf.tensor2d([
  [1, 2],
  [0.5, -1],
  [1, 0],
]);
const loss = (x: tf.Tensor, λ: tf.Tensor, y: tf.Tensor) =>
  tf.mul(
    0.5,
    tf.add(tf.sum(tf.square(tf.sub(tf.dot(X, x), y))), tf.mul(λ, tf.sum(tf.square(x)))),
  ) as tf.Scalar;
const descend = (λ: tf.Tensor, y: tf.Tensor, start: tf.Tensor) => {
  const slope = tf.grad((x) => loss(x, λ, y));
  let x = start;
  for (let i = 0; i < 200; i++) x = tf.sub(x, tf.mul(0.15, slope(x)));
  return x;
};
const ridge = argmin(
  (λ, y) => descend(λ!, y!, tf.zeros([2])),
  stationarity((x: tf.Tensor, λ, y) => loss(x, λ!, y!)),
  { solver: cg() },
);
const [λ, y] = [tf.scalar(0.7), tf.tensor1d([1, -1, 2])];

/** Central differences of the fourth order. */
const slope = (f: (t: number) => number, h = 0.05) =>
  (f(-2 * h) - 8 * f(-h) + 8 * f(h) - f(2 * h)) / (12 * h);

describe('argmin', () => {
  it('is the solution', () => {
    expect(list(cubeRoot(tf.tensor1d([8, 27])))).toEqual(near([2, 3]));
    expect(warn).not.toHaveBeenCalled();
  });

  it('has the derivative of the solution in reverse', () => {
    const slopes = tf.grad((θ) => tf.sum(cubeRoot(θ)))(tf.tensor1d([8, 27]));
    expect(list(slopes)).toEqual(near([1 / 12, 1 / 27]));
  });

  it('and forwards', () => {
    const J = linearize(({ θ }) => cubeRoot(θ!), { θ: tf.tensor1d([8, 27]) });
    expect(list(J.value)).toEqual(near([2, 3]));
    expect(list(J.jvp({ θ: tf.tensor1d([12, 54]) }))).toEqual(near([1, 2]));
    expect(list(J.vjp(tf.tensor1d([12, 54])).θ!)).toEqual(near([1, 2]));
    J.dispose();
  });

  it('has a second derivative', () => {
    const first = tf.grad((θ) => tf.sum(cubeRoot(θ)));
    const second = tf.grad((θ) => tf.sum(first(θ)))(tf.tensor1d([8, 1]));
    expect(list(second)).toEqual(near([-2 / (9 * 32), -2 / 9]));
  });

  it('takes several parameters, and a solver with gradients of its own', () => {
    const value = (λ: tf.Tensor, y: tf.Tensor) => tf.sum(tf.square(ridge(λ, y)));
    const [byλ, byY] = tf.grads(value)([λ, y]);
    const at = (dλ: number, dy: number) =>
      value(tf.add(λ, dλ), tf.add(y, [0, dy, 0])).dataSync()[0]!;
    expect(byλ!.dataSync()[0]).toBeCloseTo(
      slope((t) => at(t, 0)),
      3,
    );
    expect(list(byY!)[1]).toBeCloseTo(
      slope((t) => at(0, t)),
      3,
    );
    expect(warn).not.toHaveBeenCalled();
  });

  it('nests: a hypergradient of a hypergradient', () => {
    const hyper = (λ: tf.Tensor) => tf.grad((λ) => tf.sum(tf.square(ridge(λ, y))))(λ);
    const second = tf
      .grad((λ) => hyper(λ).asScalar())(λ)
      .dataSync()[0]!;
    const at = (t: number) => hyper(tf.scalar(0.7 + t)).dataSync()[0]!;
    expect(second).toBeCloseTo(slope(at), 2);
  });

  it('may stand inside an expression', () => {
    const value = (θ: tf.Tensor) => tf.sum(tf.mul(θ, tf.square(cubeRoot(tf.square(θ)))));
    // θ · θ^(4/3)
    const [slopeAt] = list(tf.grad(value)(tf.tensor1d([2])));
    expect(slopeAt).toBeCloseTo((7 / 3) * 2 ** (4 / 3), 3);
  });

  it('serves fixed points that are not symmetric: x = tanh(Wx + b), by W and b', () => {
    const Φ = (x: tf.Tensor, W: tf.Tensor, b: tf.Tensor) => tf.tanh(tf.add(tf.dot(W, x), b));
    const equilibrium = argmin(
      (W, b) => {
        let x = tf.zeros([2]) as tf.Tensor;
        for (let i = 0; i < 100; i++) x = Φ(x, W!, b!);
        return x;
      },
      (x: tf.Tensor, W, b) => tf.sub(x, Φ(x, W!, b!)),
    );
    const W = tf.tensor2d([
      [0.3, 0.6],
      [-0.5, 0.1],
    ]);
    const b = tf.tensor1d([0.2, -0.4]);
    const value = (W: tf.Tensor, b: tf.Tensor) => tf.sum(tf.square(equilibrium(W, b)));
    const [byW, byB] = tf.grads(value)([W, b]);
    const at = (t: number) =>
      value(
        tf.add(W, [
          [0, t],
          [0, 0],
        ]),
        tf.add(b, [t, 0]),
      ).dataSync()[0]!;
    expect(list(byW!)[1]! + list(byB!)[0]!).toBeCloseTo(slope(at), 3);
  });
});

describe('attach', () => {
  it('makes a solution found outside a function of θ, also of named tensors', async () => {
    const θ = tf.tensor1d([4, 9]);
    const found: NamedTensors = { root: tf.sqrt(θ), double: tf.mul(2, tf.sqrt(θ)) };
    const solution = attach(found, (x: NamedTensors, θ) => ({
      root: tf.sub(tf.square(x.root!), θ!),
      double: tf.sub(x.double!, tf.mul(2, x.root!)),
    }));
    const value = (θ: tf.Tensor) => tf.sum(tf.mul(solution(θ).root!, solution(θ).double!));
    // 2θ
    expect(list(tf.grad(value)(θ))).toEqual(near([2, 2]));
  });
});

describe('what could go wrong unseen', () => {
  it('a zero derivative with respect to the start is warned about', () => {
    const solver = argmin(
      (λ, start) => descend(λ!, y, start!),
      stationarity((x: tf.Tensor, λ) => loss(x, λ!, y)),
      { solver: cg() },
    );
    const [, byStart] = tf.grads((λ, start) => tf.sum(solver(λ, start)))([λ, tf.ones([2])]);
    expect(list(byStart!)).toEqual(near([0, 0], 10));
    expect(warn.mock.calls.flat().join()).toMatch(/argument 2 is exactly 0/);
  });

  it('a solve that does not converge is warned about', () => {
    const few = argmin(
      (λ) => descend(λ!, y, tf.zeros([2])),
      stationarity((x: tf.Tensor, λ) => loss(x, λ!, y)),
      { solver: cg({ maxIterations: 1 }) },
    );
    tf.grad((λ) => tf.sum(few(λ)))(λ);
    expect(warn.mock.calls.flat().join()).toMatch(/max-iterations/);
  });

  it('nothing is left in memory', () => {
    const once = () => {
      const gradients = tf.grads((λ, y) => tf.sum(ridge(λ!, y!)))([λ, y]);
      tf.dispose(gradients);
      tf.grad((λ) => tf.sum(tf.grad((λ) => tf.sum(ridge(λ, y)))(λ)))(λ).dispose();
      ridge(λ, y).dispose();
    };
    once();
    const { numTensors } = tf.memory();
    for (let i = 0; i < 3; i++) once();
    expect(tf.memory().numTensors).toBe(numTensors);
  });
});

describe('derivatives of a solution at any scale', () => {
  const M = [
    [4, 1],
    [1, 3],
  ];
  const scales = [1e-30, 1e-15, 1, 1e15, 1e30];
  const fits = (...sizes: number[]) => sizes.every((size) => size > 1e-36 && size < 1e36);

  it.each([
    ['cg', () => cg()],
    ['minres', () => minres()],
    ['gmres', () => gmres()],
    ['cgNormal', () => cgNormal({ maxIterations: 300 })],
    ['dense', () => dense()],
  ])('%s', (_, make) => {
    // s (M x / u − θ) = 0: dx/dθ = u M⁻¹, and of g (x₁ − 2 x₂) that is g u M⁻¹ (1, −2).
    for (const s of scales) {
      for (const u of scales) {
        for (const g of scales) {
          if (!fits(s / u, g * u, (g * u) / s)) continue;
          const solve = (θ: tf.Tensor) => {
            const [a, b] = θ.dataSync() as Float32Array;
            return tf.tensor1d([((3 * a! - b!) / 11) * u, ((4 * b! - a!) / 11) * u]);
          };
          const optimality = (x: tf.Tensor, θ: tf.Tensor) =>
            tf.sub(
              tf.reshape(tf.matMul(tf.mul(s / u, M), tf.reshape(x, [2, 1])), [2]),
              tf.mul(s, θ),
            );
          const x = argmin(solve, optimality, { solver: make() });
          const slope = tf.tidy(() =>
            tf
              .grad((θ) => tf.sum(tf.mul([g, -2 * g], x(θ))))(tf.tensor1d([1, 2]))
              .dataSync(),
          );
          const expected = [5 / 11, -9 / 11];
          slope.forEach((value, i) => {
            expect(Math.abs(value / (g * u) - expected[i]!), `${[s, u, g]}`).toBeLessThan(1e-3);
          });
        }
      }
    }
    expect(warn).not.toHaveBeenCalled();
  });
});
