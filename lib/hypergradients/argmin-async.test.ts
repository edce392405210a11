import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { valueAndGradient } from '../autodiff';
import { DisposedError, InputError, ShapeError, SolveError } from '../errors';
import { cg, gmres } from '../solvers';
import type { NamedTensors } from '../spaces';
import { turnsDuring } from '../testing';
import { argmin, argminAsync, stationarity } from '.';

const numbers = (x: tf.Tensor): number[] => [...x.dataSync()];

beforeAll(async () => {
  await tf.setBackend('cpu');
});

/** `½ Σ dᵢ xᵢ² + exp(c) x₁ x₂ − bᵀx`. */
const loss = (x: tf.Tensor, b?: tf.Tensor, c?: tf.Tensor) =>
  tf.tidy(() => {
    const square = tf.sum(tf.mul(tf.tensor1d([2, 5]), tf.square(x)));
    const mixed = tf.mul(tf.exp(c!), tf.prod(x));
    return tf.sub(tf.add(tf.div(square, 2), mixed), tf.sum(tf.mul(b!, x))) as tf.Scalar;
  });
/** The minimum, from `[[2, e], [e, 5]] x = b` with e = exp(c). */
const minimum = (b: tf.Tensor, c: tf.Tensor) =>
  tf.tidy(() => {
    const e = Math.exp(numbers(c)[0]!);
    const [b1, b2] = numbers(b) as [number, number];
    const determinant = 10 - e * e;
    return tf.tensor1d([(5 * b1 - e * b2) / determinant, (2 * b2 - e * b1) / determinant]);
  });
const θ = () => [tf.tensor1d([1, -2]), tf.scalar(0.3)] as const;
const later = async (b: tf.Tensor, c: tf.Tensor) => {
  await new Promise((resolve) => setTimeout(resolve, 1));
  return minimum(b, c);
};

describe('argminAsync', () => {
  it('has the derivative that argmin has, whether its solver is waited for or not', async () => {
    const [b, c] = θ();
    const u = tf.tensor1d([1, 3]);
    const optimality = stationarity<tf.Tensor>((x, b, c) => loss(x, b, c));
    const solver = cg({ tolerance: 1e-7 });
    const x = argmin((b, c) => minimum(b!, c!), optimality, { solver });
    const expected = tf.grads((b, c) => tf.sum(tf.mul(u, x(b!, c!))))([b, c]);
    const { numTensors } = tf.memory();
    for (const solve of [later, minimum]) {
      const solution = await argminAsync<tf.Tensor>((b, c) => solve(b!, c!), optimality, {
        solver,
      })(...θ());
      expect(numbers(solution.value)).toEqual(numbers(minimum(b, c)));
      const got = await solution.pullBack(u);
      got.forEach((value, i) => {
        numbers(value).forEach((entry, j) => {
          expect(entry).toBeCloseTo(numbers(expected[i]!)[j]!, 5);
        });
      });
      solution.dispose();
      tf.dispose(got);
    }
    // The θs, two each time, and the minima to compare with.
    expect(tf.memory().numTensors).toBe(numTensors + 6);
  });

  it('named solutions, constants among the arguments, and θs that are freed meanwhile', async () => {
    const optimality = ({ x }: { x: tf.Tensor }, θ: tf.Tensor, places: tf.Tensor) => ({
      x: tf.sub(tf.mul(2, x), tf.gather(θ, places as tf.Tensor1D)),
    });
    const solve = async (θ: tf.Tensor, places: tf.Tensor) => {
      await new Promise((resolve) => setTimeout(resolve, 1));
      return { x: tf.tidy(() => tf.div(tf.gather(θ, places as tf.Tensor1D), 2)) };
    };
    const [θ, places] = [tf.tensor1d([1, 2, 3]), tf.tensor1d([2, 0], 'int32')];
    const before = tf.memory().numTensors;
    const pending = argminAsync(solve as never, optimality as never)(θ, places);
    tf.dispose([θ, places]);
    const solution = (await pending) as unknown as Awaited<
      ReturnType<ReturnType<typeof argminAsync<{ x: tf.Tensor }>>>
    >;
    const u = { x: tf.tensor1d([10, 20]) };
    const derivatives = await solution.pullBack(u);
    expect(derivatives).toHaveLength(1);
    numbers(derivatives[0]!).forEach((value, i) => {
      expect(value).toBeCloseTo([10, 0, 5][i]!, 5);
    });
    expect(numbers(solution.value.x)).toEqual([1.5, 0.5]);
    tf.dispose([derivatives, u]);
    solution.dispose();
    expect(tf.memory().numTensors).toBe(before - 2);
  });

  it('solves nothing where no argument has a derivative', async () => {
    const solve = vi.fn();
    const solver = { ...gmres(), solve };
    const F = (x: tf.Tensor, n: tf.Tensor) => tf.sub(x, tf.cast(n, 'float32'));
    const n = tf.tensor1d([1, 2], 'int32');
    const solution = await argminAsync((n) => tf.cast(n!, 'float32'), F as never, { solver })(n);
    expect(await solution.pullBack(tf.ones([2]))).toEqual([]);
    expect(solve).not.toHaveBeenCalled();
    solution.dispose();
  });

  it('gives timers a turn between the products of its solve', async () => {
    const size = 24;
    let inOneTurn = 0;
    let most = 0;
    let products = 0;
    const work = () => {
      const end = performance.now() + 12;
      while (performance.now() < end);
      products++;
      most = Math.max(most, ++inOneTurn);
    };
    const slow = (x: tf.Tensor): tf.Tensor =>
      tf.customGrad((x, save) => {
        (save as (xs: tf.Tensor[]) => void)([x as tf.Tensor]);
        return {
          value: (x as tf.Tensor).clone(),
          gradFunc: (dy: tf.Tensor) => {
            work();
            return slow(dy);
          },
        };
      })(x);
    const d = tf.linspace(1, 3, size);
    const F = (x: tf.Tensor, θ: tf.Tensor) => tf.sub(tf.mul(d, slow(x)), θ);
    const solution = await argminAsync((θ) => tf.div(θ!, d), F as never, {
      solver: gmres({ tolerance: 1e-7, maxIterations: 30 }),
    })(tf.ones([size]));
    let going = true;
    const turn = () => {
      inOneTurn = 0;
      if (going) setTimeout(turn, 0);
    };
    setTimeout(turn, 0);
    tf.dispose(await solution.pullBack(tf.linspace(-1, 1, size)));
    going = false;
    expect(products).toBeGreaterThan(8);
    expect(most).toBeLessThanOrEqual(4);
    solution.dispose();
  });

  it.each([1, 2])(
    'is left within its recording and its products, to the same bits: %s blocks',
    async (blocks) => {
      const layers = 12;
      const d = tf.linspace(0.5, 1.5, 9).reshape([3, 3]);
      const deep = (x: tf.Tensor) => {
        let y = x;
        for (let i = 0; i < layers; i++) y = tf.tanh(tf.matMul(y as tf.Tensor2D, d as tf.Tensor2D));
        return tf.mul(0.01, tf.sum(y));
      };
      // Blocks of other units, which have to be found by products of their own.
      const loss = (x: NamedTensors, θ: tf.Tensor) =>
        tf.addN(
          Object.values(x).flatMap((part, i) => {
            const y = tf.mul(part, 1e3 ** i);
            return [deep(y), tf.sum(tf.square(tf.sub(y, θ)))];
          }),
        ) as tf.Scalar;
      const θ = tf.linspace(-1, 1, 9).reshape([3, 3]);
      const solve = (θ: tf.Tensor): NamedTensors =>
        Object.fromEntries(
          Array.from({ length: blocks }, (_, i) => [`x${i}`, tf.div(θ, 1e3 ** i)]),
        );
      const u = tf.linspace(2, 3, 9).reshape([3, 3]);
      const optimality = stationarity<NamedTensors>((x, θ) => loss(x, θ!));
      const solver = cg({ tolerance: 1e-6 });
      const x = argmin<NamedTensors>((θ) => solve(θ!), optimality, { solver });
      const expected = tf.grad((θ) =>
        tf.addN(Object.values(x(θ)).map((part) => tf.sum(tf.mul(u, part)))),
      )(θ);
      const start = tf.memory().numTensors;
      const solution = await argminAsync<NamedTensors>((θ) => solve(θ!), optimality, { solver })(θ);
      const cotangent = Object.fromEntries(Object.keys(solution.value).map((name) => [name, u]));
      const before = tf.memory().numTensors;
      const { turns, result } = await turnsDuring(() => solution.pullBack(cotangent));
      const [found] = result;
      // The gradient while it is recorded, a product for each unit, for the solve, and for θ.
      expect(turns).toBeGreaterThan(layers * (3 + blocks));
      expect(numbers(found!)).toEqual(numbers(expected));
      expect(tf.memory().numTensors).toBe(before + 1);
      // A solution that is disposed meanwhile does not end its derivative, and nothing is left.
      const other = solution.pullBack(cotangent);
      solution.dispose();
      const again = await other;
      expect(numbers(again[0]!)).toEqual(numbers(expected));
      tf.dispose([again, found!]);
      expect(tf.memory().numTensors).toBe(start);
      tf.dispose([expected, d, θ, u]);
    },
  );

  it('takes part in a gradient as its documentation shows', async () => {
    const [b, c] = θ();
    const solution = await argminAsync<tf.Tensor>(
      (b, c) => later(b!, c!),
      stationarity<tf.Tensor>((x, b, c) => loss(x, b, c)),
      { solver: cg({ tolerance: 1e-7 }) },
    )(b, c);
    const outer = ({ x }: { x?: tf.Tensor }) => tf.sum(tf.square(x!)) as tf.Scalar;
    const { gradient } = valueAndGradient(outer, { x: solution.value });
    const [, dc] = await solution.pullBack(gradient.x!);
    const at = (c: number) => numbers(outer({ x: minimum(b, tf.scalar(c)) }))[0]!;
    expect(numbers(dc!)[0]).toBeCloseTo((at(0.31) - at(0.29)) / 0.02, 2);
  });

  it('refuses what argmin refuses, and leaves nothing behind', async () => {
    const F = (x: tf.Tensor, θ: tf.Tensor) => tf.sub(x, θ);
    const make = (solve: unknown, options = {}) =>
      argminAsync(solve as never, F as never, options as never);
    expect(() => make(3)).toThrow(InputError);
    expect(() => make(later, { slover: cg() })).toThrow(InputError);
    expect(() => make(later, { solver: {} })).toThrow(InputError);
    const one = tf.ones([2]);
    const before = tf.memory().numTensors;
    const lost = async () => {
      throw new Error('lost');
    };
    await expect(make(lost)(one)).rejects.toThrow('lost');
    await expect(make(async () => 3)(one)).rejects.toThrow(InputError);
    await expect(make(later)(3 as never)).rejects.toThrow(InputError);
    expect(tf.memory().numTensors).toBe(before);
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
    for (const onFailure of ['return', 'throw'] as const) {
      const solver = gmres({ maxIterations: 1, tolerance: 1e-7 });
      const optimality = stationarity<tf.Tensor>((x, b, c) => loss(x, b, c));
      const solution = await argminAsync<tf.Tensor>((b, c) => minimum(b!, c!), optimality, {
        ...{ solver, onFailure },
      })(...θ());
      const held = tf.memory().numTensors;
      const pulled = solution.pullBack(one);
      if (onFailure === 'throw') await expect(pulled).rejects.toThrow(SolveError);
      else tf.dispose(await pulled);
      expect(tf.memory().numTensors).toBe(held);
      await expect(solution.pullBack(tf.ones([3]))).rejects.toThrow(ShapeError);
      const gone = tf.ones([2]);
      gone.dispose();
      await expect(solution.pullBack(gone)).rejects.toThrow(DisposedError);
      await expect(solution.pullBack(3 as never)).rejects.toThrow(InputError);
      solution.dispose();
    }
    expect(warn).toHaveBeenCalledTimes(1);
    warn.mockRestore();
  });
});
