import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { InputError, NotFiniteError, ShapeError } from '../errors';
import { random } from '../numbers';
import { float64, type LinearOperator, type NamedTensors } from '../spaces';
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
