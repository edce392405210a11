import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { gaussNewton } from '../autodiff';
import { hypergradient, implicit } from '../hypergradients';
import { random } from '../numbers';
import {
  float64,
  identityMinus,
  type LinearOperator,
  type NamedTensors,
  observed,
  shifted,
  weighted,
} from '../spaces';
import { cg, dense, lowRank, woodbury } from '.';
import { checkedProducts } from './checks';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const [n, m] = [5, 2];
const numbers = random(3).normals(n * m);
const J = Array.from({ length: m }, (_, i) => numbers.subarray(i * n, (i + 1) * n));
const made = (diagonal = 2) =>
  lowRank<Float64Array, Float64Array>({
    diagonal,
    jvp: (v) => Float64Array.from(J, (row) => float64.dot(row, v)),
    vjp: (u) => J.reduce((sum, row, i) => float64.axpy(u[i]!, row, sum), new Float64Array(n)),
    middle: (u) => Float64Array.of(0.3 * u[0]!, 0.1 * u[1]!),
    outputs: new Float64Array(m),
  });
const b = random(4).normals(n);

/** An operator that knows all that there is to know. */
const knowing: LinearOperator<Float64Array> = {
  ...made(),
  transpose: (v) => made().apply(v),
  floor: 0.5,
  space: float64 as unknown as LinearOperator<Float64Array>['space'] & object,
};

const wrappers: Record<string, (A: LinearOperator<Float64Array>) => LinearOperator<Float64Array>> =
  {
    observed: (A) => observed(A, (product) => product()),
    checked: (A) => checkedProducts(float64, A),
    shifted: (A) => shifted(float64, A, 0.5),
    'shifted and checked': (A) => shifted(float64, checkedProducts(float64, A), 0.5),
  };

describe.each(Object.entries(wrappers))('an operator that is %s', (_, wrap) => {
  it('keeps its transpose, its space, its floor and its low rank', () => {
    const wrapped = wrap(knowing);
    expect(wrapped.space).toBe(knowing.space);
    expect(wrapped.floor).toBeGreaterThanOrEqual(0.5);
    expect(wrapped.transpose!(b)).toEqual(wrapped.apply(b));
    const truth = dense().solveSync(wrapped, b).value;
    const found = woodbury().solveSync(wrapped, b);
    expect(found.status).toBe('converged');
    for (let i = 0; i < n; i++) expect(found.value[i]).toBeCloseTo(truth[i]!, 12);
  });

  it('has nothing that the operator does not have', () => {
    const bare = wrap({ apply: (v) => v.slice(), dispose() {} });
    expect(Object.keys(bare).sort()).toEqual(['apply', 'dispose']);
  });
});

it('I − M has the low rank of M with the sign of S turned, where that helps', () => {
  const A = identityMinus(made(0.25));
  const truth = dense().solveSync(A, b).value;
  woodbury()
    .solveSync(A, b)
    .value.forEach((value, i) => void expect(value).toBeCloseTo(truth[i]!, 12));
  expect(identityMinus(made(2)).lowRank).toBeUndefined();
  const space = weighted({}) as unknown as LinearOperator<NamedTensors>['space'] & object;
  const inSpace: LinearOperator<NamedTensors> = { apply: (v) => v, space, dispose() {} };
  expect(identityMinus(inSpace).space).toBe(space);
});

it('woodbury is accepted by implicit(), its products counted', async () => {
  const A = made();
  const problem = {
    innerGradient: (w: Float64Array) => float64.subtract(A.apply(w), b),
    innerHessian: () => A,
    innerMixed: (w: Float64Array) => ({
      jvp: (v: Float64Array) => float64.scale(v[0]!, w),
      vjp: (u: Float64Array) => Float64Array.of(float64.dot(w, u)),
    }),
    outer: (w: Float64Array) => ({ value: 0, dw: w.map((_, i) => i + 1), dλ: new Float64Array(1) }),
  };
  const w = dense().solveSync(A, b).value;
  const [byWoodbury, byCg] = [
    implicit({ solver: woodbury(), estimate: false }),
    implicit({ solver: cg({ tolerance: 1e-12 }), estimate: false }),
  ].map((how) => hypergradient(problem, w, Float64Array.of(1), how));
  expect((await byWoodbury!).value[0]).toBeCloseTo((await byCg!).value[0]!, 10);
  // One for each output, one for x, one for the residual, one for Bᵀ.
  expect((await byWoodbury!).stats.products).toBe(m + 3);
});

it('woodbury solves with a Gauss–Newton curvature and some damping, and says that it needs some', () => {
  const x = tf.tensor2d(Float32Array.from(random(5).normals(3 * 6)), [3, 6]);
  const W = { W: tf.tensor2d(Float32Array.from(random(6).normals(6)), [6, 1]) };
  const G = gaussNewton(
    {
      predict: (w) => tf.tanh(tf.matMul(x, w.W as tf.Tensor2D)),
      loss: (z) => tf.sum(tf.square(z)) as tf.Scalar,
    },
    W,
  );
  const right = { W: tf.ones([6, 1]) };
  const found = woodbury({ damping: 0.3 }).solveSync(G, right).value.W!.dataSync();
  const truth = cg({ damping: 0.3, tolerance: 1e-6 }).solveSync(G, right).value.W!.dataSync();
  found.forEach((value, i) => void expect(value).toBeCloseTo(truth[i]!, 4));
  expect(() => woodbury().solveSync(G, right)).toThrow(/damping/);
  G.dispose();
});
