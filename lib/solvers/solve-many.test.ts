import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { InputError, NotFiniteError, ShapeError } from '../errors';
import { random } from '../numbers';
import {
  float64,
  identityMinus,
  type LinearOperator,
  type NamedTensors,
  observed,
} from '../spaces';
import { turnsDuring } from '../testing';
import { cg, dense, gmres, minres, solveMany } from '.';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const n = 30;
const R = Array.from({ length: n }, (_, i) => random(i).normals(n));
let products = 0;
/** `I + RᵀR/n`. */
const A: LinearOperator<Float64Array> = {
  apply(v) {
    products += 1;
    const image = Float64Array.from(R, (row) => float64.dot(row, v) / n);
    return R.reduce((sum, row, i) => float64.axpy(image[i]!, row, sum), v);
  },
  dispose() {},
};
const bs = [1, 2, 3].map((seed) => random(100 + seed).normals(n));

describe.each([cg, minres, gmres, dense])('%o', (make) => {
  const solver = make({ tolerance: 1e-10 });

  it('solves each as it would by itself, at any scale', async () => {
    const scaled = [1, 1e-30, 1e30].map((scale, i) => float64.scale(scale, bs[i]!));
    const together = await solveMany(A, scaled, { solver });
    for (const [i, b] of scaled.entries()) {
      const alone = await solver.solve(A, b);
      expect(together[i]!.status).toBe('converged');
      const difference = float64.norm(float64.subtract(together[i]!.value, alone.value));
      expect(difference / float64.norm(alone.value)).toBeLessThan(1e-9);
      expect(together[i]!.residualNorm).toBeLessThanOrEqual(2e-10 * float64.norm(b));
    }
  });

  it('pays next to nothing for right-hand sides that depend on each other', async () => {
    products = 0;
    await solveMany(A, bs.slice(0, 2), { solver });
    const two = products;
    const sum = float64.axpy(2, bs[0]!, float64.scale(-3, bs[1]!));
    products = 0;
    const all = await solveMany(A, [bs[0]!, bs[1]!, sum], { solver });
    expect(all[2]!.status).toBe('converged');
    expect(products - two).toBeLessThanOrEqual(4);
  });
});

it('gives timers a turn in each piece of a product, and between vectors, with the same result', async () => {
  const expected = await solveMany(A, bs);
  products = 0;
  const inPieces: LinearOperator<Float64Array> = {
    ...A,
    *applyInPieces(v) {
      for (let i = 0; i < 3; i++) yield;
      return A.apply(v);
    },
  };
  const { turns, result } = await turnsDuring(() => solveMany(inPieces, bs));
  const [norms, made] = [bs.length, 2 * bs.length];
  expect(turns).toBeGreaterThan(4 * products + norms + made);
  expect(result).toEqual(expected);
  products = 0;
  const whole = await turnsDuring(() => solveMany(A, bs));
  expect(whole.turns).toBeGreaterThan(products + norms + made);
  expect(whole.result).toEqual(expected);
});

it('named tensors: values belong to the caller, and nothing else is left', async () => {
  const d = tf.tensor1d([1, 2, 3, 4]);
  const D: LinearOperator<NamedTensors> = {
    apply: ({ x }) => ({ x: tf.mul(x!, d) }),
    dispose() {},
  };
  const rights = [
    [1, 1, 1, 1],
    [4, 3, 2, 1],
    [5, 4, 3, 2],
  ].map((x) => ({ x: tf.tensor1d(x) }));
  for (const solver of [cg(), dense()]) {
    const before = tf.memory().numTensors;
    const solutions = await solveMany(D, rights, { solver });
    expect(tf.memory().numTensors).toBe(before + 3);
    solutions[2]!.value.x!.dataSync().forEach((value, i) => {
      expect(value).toBeCloseTo([5, 2, 1, 0.5][i]!, 4);
    });
    tf.dispose(solutions.map(({ value }) => value));
    const bad = [rights[0]!, { x: tf.tensor1d([1, Number.NaN, 1, 1]) }];
    await expect(solveMany(D, bad, { solver })).rejects.toThrow(NotFiniteError);
    tf.dispose(bad[1]!);
    expect(tf.memory().numTensors).toBe(before);
  }
});

it('checks its arguments at the door', async () => {
  expect(await solveMany(A, [])).toEqual([]);
  await expect(solveMany(A, bs[0] as never)).rejects.toThrow(InputError);
  await expect(solveMany(A, bs, { solver: cg as never })).rejects.toThrow(/cg\(\)/);
  await expect(solveMany(A, bs, { slover: cg() } as never)).rejects.toThrow(/'slover'/);
  await expect(solveMany(A, [bs[0]!, new Float64Array(2)])).rejects.toThrow(ShapeError);
});

describe('a block of right-hand sides by CG', () => {
  const size = 60;
  /** `diag(d)` in other coordinates, `I − 2uuᵀ`. */
  function rotated(d: (i: number) => number, shift = 0) {
    const u = float64.scale(1, random(9).normals(size));
    const unit = float64.scale(1 / float64.norm(u), u);
    const reflect = (v: Float64Array) => float64.axpy(-2 * float64.dot(unit, v), unit, v);
    const count = { products: 0, calls: 0 };
    const apply = (v: Float64Array) => {
      count.products++;
      return reflect(reflect(v).map((x, i) => x * (d(i) + shift)));
    };
    return { count, A: { apply, dispose() {} } as LinearOperator<Float64Array> };
  }
  const rights = (count: number) =>
    Array.from({ length: count }, (_, k) => random(40 + k).normals(size));
  const outliers = (i: number) => (i < 6 ? 50 * (i + 1) : 1 + i / size);

  it('needs fewer products than one after the other, and solves each as well', async () => {
    const solver = cg({ tolerance: 1e-9, maxIterations: 200 });
    const bs = rights(6);
    const { A, count } = rotated(outliers);
    const alone = [];
    for (const b of bs) alone.push(await solver.solve(A, b));
    const single = count.products;
    count.products = 0;
    const together = await solveMany(A, bs, { solver });
    expect(count.products).toBeLessThan(0.6 * single);
    for (const [i, { value, status, iterations }] of together.entries()) {
      expect(status).toBe('converged');
      expect(iterations).toBeLessThan(alone[i]!.iterations);
      const left = float64.subtract(bs[i]!, A.apply(value));
      expect(float64.norm(left) / float64.norm(bs[i]!)).toBeLessThan(2e-9);
    }
  });

  it('applies the operator to all directions at once, where it offers that, also wrapped', async () => {
    const { A, count } = rotated(outliers);
    const applyAll = (vs: readonly Float64Array[]) => {
      count.calls++;
      return vs.map((v) => A.apply(v));
    };
    const all = { ...A, applyAll };
    const bs = rights(3);
    const solver = cg({ tolerance: 1e-8, maxIterations: 200, damping: 0.5 });
    const expected = await solveMany(A, bs, { solver });
    count.calls = 0;
    const got = await solveMany(
      observed(all, (product) => product()),
      bs,
      { solver },
    );
    expect(got).toEqual(expected);
    const most = Math.max(...got.map(({ iterations }) => iterations));
    expect(count.calls).toBeGreaterThan(0);
    expect(count.calls).toBeLessThanOrEqual(most);
    // (I − (I − A)) v.
    const [twice] = identityMinus(identityMinus(all)).applyAll!([bs[0]!]);
    const once = A.apply(bs[0]!);
    twice!.forEach((value, i) => {
      expect(value).toBeCloseTo(once[i]!, 8);
    });
    let seen = 0;
    const watched = observed(all, (product) => {
      seen++;
      return product();
    });
    watched.applyAll!(bs);
    expect(seen).toBe(3);
  });

  it('ends like single solves where A is not positive definite, b is zero, or time is up', async () => {
    const bs = [...rights(2), new Float64Array(size)];
    const solver = cg({ tolerance: 1e-9, maxIterations: 300 });
    const { A } = rotated((i) => (i === 3 ? -40 : 1 + i));
    const statuses = (await solveMany(A, rights(2), { solver })).map(({ status }) => status);
    expect(statuses).toEqual(['negative-curvature', 'negative-curvature']);
    const zero = await solveMany(rotated(outliers).A, bs, { solver });
    expect(zero.map(({ status }) => status)).toEqual(['converged', 'converged', 'converged']);
    expect(float64.norm(zero[2]!.value)).toBe(0);
    const { A: wide, count } = rotated((i) => 1.4 ** i);
    const short = await solveMany(wide, rights(2), { solver: cg({ maxIterations: 5 }) });
    expect(short.map(({ status }) => status)).toEqual(['max-iterations', 'max-iterations']);
    expect(count.products).toBeLessThanOrEqual(2 * 8);
  });

  it('is as good on tensors, and frees what it made, also where a product throws', async () => {
    const d = tf.tensor1d(Float32Array.from({ length: size }, (_, i) => outliers(i)));
    let products = 0;
    const D = (last: number): LinearOperator<NamedTensors> => ({
      apply({ x, y }) {
        if (++products === last) throw new Error('lost');
        return { x: tf.mul(x!, d), y: tf.mul(y!, 3) };
      },
      dispose() {},
    });
    const bs = rights(4).map((b) => ({ x: tf.tensor1d([...b]), y: tf.ones([2, 2]) }));
    const solver = cg({ tolerance: 1e-5, maxIterations: 200 });
    const before = tf.memory().numTensors;
    for (const b of bs) tf.dispose((await solver.solve(D(0), b)).value);
    const single = products;
    products = 0;
    const solutions = await solveMany(D(0), bs, { solver });
    expect(products).toBeLessThan(0.8 * single);
    expect(tf.memory().numTensors).toBe(before + 8);
    solutions.forEach(({ value, status }, i) => {
      expect(status).toBe('converged');
      const [x, b] = [value.x!.dataSync(), bs[i]!.x!.dataSync()];
      x.forEach((entry, j) => {
        expect(entry).toBeCloseTo(b[j]! / outliers(j), 3);
      });
      tf.dispose(value);
    });
    for (const last of [1, 6, 30]) {
      products = 0;
      await expect(solveMany(D(last), bs, { solver })).rejects.toThrow('lost');
      expect(tf.memory().numTensors).toBe(before);
    }
  });
});
