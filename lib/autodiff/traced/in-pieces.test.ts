import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { leaveOutWithoutPrograms } from '../../../test/needs';
import { cg, hypergradient, implicit } from '../..';
import { useBackend } from '../../backends';
import type { Heap } from '../../backends/wasm/kernels/heap';
import { DisposedError } from '../../errors';
import type { Pausing } from '../../event-loop';
import { flatProblem, traceLosses } from '../../problems';
import type { NamedTensors } from '../../spaces';
import { slowClock, turnsDuring } from '../../testing';
import { compiled, rememberedOf } from '../compiled';
import { flatLossOf } from '../flat';
import { relativeError } from '../testing';
import { type Evaluation, evaluateTraced, freePrograms } from '.';
import { finishLeft, inPortions } from './left';

leaveOutWithoutPrograms();

beforeAll(() => useBackend('wasm', { threads: 1 }));
beforeEach(freePrograms);
afterEach(() => {
  vi.restoreAllMocks();
});

const SIDE = 520;
const matrix = (seed: number) =>
  tf.tidy(() => tf.mul(0.1, tf.reshape(tf.sin(tf.range(seed, SIDE ** 2 + seed)), [SIDE, SIDE])));
const small = () => tf.tensor2d([1, 2, 3, 4, 5, 6, 7, 8, 9], [3, 3]).div(9) as tf.Tensor2D;
/** Three matrix products of 520 rows take long by the estimate. */
const lossOf = (X: tf.Tensor, w: tf.Tensor) =>
  tf.mean(tf.square(tf.matMul(tf.tanh(tf.matMul(X, w)), w))) as tf.Scalar;

/** An evaluation by a program: the third of a structure is one. */
function evaluated(X: tf.Tensor, w: tf.Tensor): Evaluation {
  let found: Evaluation | undefined;
  for (let i = 0; i < 3; i++) {
    found?.dispose();
    found = evaluateTraced(() => lossOf(X, w), { all: [w], varied: 1 }, 'products');
  }
  expect(found!.recorded).toBeUndefined();
  return found!;
}

/** Whether the same numbers come out to the last bit. */
function expectSame([found]: tf.Tensor[], [expected]: tf.Tensor[]): void {
  const [a, b] = [found!.dataSync(), expected!.dataSync()];
  expect(a.length).toBe(b.length);
  expect(a.findIndex((x, i) => x !== b[i])).toBe(-1);
}

/** Runs some work to its end, with something else at each pause; returns how many there were. */
function pauses<T>(work: Pausing<T>, meanwhile: (i: number) => void = () => {}) {
  for (let count = 0; ; count++) {
    const turn = work.next();
    if (turn.done) return { count, value: turn.value };
    meanwhile(count);
  }
}

it('leaves a long product between its parts, and gives the same numbers', () => {
  const [X, w, v] = [matrix(1), matrix(2), matrix(3)];
  const evaluation = evaluated(X, w);
  const whole = evaluation.product('pull', [v]);
  const gradient = evaluation.gradient();
  const before = tf.memory().numTensors;
  slowClock();
  const product = pauses(evaluation.productInPieces!('pull', [v]));
  expect(product.count).toBeGreaterThan(4);
  expectSame(product.value, whole);
  const inPieces = pauses(evaluation.gradientInPieces());
  expect(inPieces.count).toBeGreaterThan(3);
  expectSame(inPieces.value, gradient);
  tf.dispose([product.value, inPieces.value]);
  expect(tf.memory().numTensors).toBe(before);
  evaluation.dispose();
  tf.dispose([X, w, v, whole, gradient]);
});

it('is not disturbed by programs that run in between, its own among them', () => {
  const [X, w, v, u] = [matrix(1), matrix(2), matrix(3), matrix(5)];
  const evaluation = evaluated(X, w);
  const other = small();
  const otherLoss = () => tf.sum(tf.exp(tf.matMul(other, other))) as tf.Scalar;
  const others = () => evaluateTraced(otherLoss, { all: [other], varied: 1 }, 'products')!;
  for (let i = 0; i < 2; i++) others().dispose();
  const byOther = others();
  const expected = [
    evaluation.product('pull', [v]),
    evaluation.product('pull', [u]),
    byOther.product('pull', [other]),
  ];
  slowClock();
  for (const at of [1, 2, 3]) {
    let between: tf.Tensor[][] = [];
    const run = pauses(evaluation.productInPieces!('pull', [v]), (i) => {
      if (i !== at) return;
      between = [evaluation.product('pull', [u]), byOther.product('pull', [other])];
      // What is freed here may be handed out again, and overwritten.
      tf.tidy(() => void tf.fill([SIDE, SIDE], Number.NaN));
    });
    [run.value, ...between].forEach((found, i) => {
      expectSame(found, expected[i]!);
    });
    expect(between).toHaveLength(2);
    tf.dispose([run.value, between]);
  }
  byOther.dispose();
  evaluation.dispose();
});

it('two products of one evaluation at once are both right', () => {
  const [X, w, v, u] = [matrix(1), matrix(2), matrix(3), matrix(5)];
  const evaluation = evaluated(X, w);
  const expected = [v, u].map((x) => evaluation.product('pull', [x]));
  evaluation.dispose();
  const again = evaluated(X, w);
  const before = tf.memory().numTensors;
  slowClock();
  const [first, second] = [v, u].map((x) => again.productInPieces!('pull', [x]));
  let results: (tf.Tensor[] | undefined)[] = [undefined, undefined];
  while (results.includes(undefined)) {
    results = [first!, second!].map((work, i) => {
      if (results[i] !== undefined) return results[i];
      const turn = work.next();
      return turn.done ? turn.value : undefined;
    });
  }
  results.forEach((result, i) => {
    expectSame(result!, expected[i]!);
  });
  tf.dispose(results as tf.Tensor[][]);
  // What the products keep of their first half is one tensor.
  expect(tf.memory().numTensors).toBe(before + 1);
  again.dispose();
  tf.dispose([X, w, v, u]);
});

it('ends where the evaluation is disposed in between, and leaves nothing', () => {
  const [X, w, v] = [matrix(1), matrix(2), matrix(3)];
  const before = tf.memory().numTensors;
  for (const at of [0, 1, 3]) {
    const evaluation = evaluated(X, w);
    vi.restoreAllMocks();
    slowClock();
    const run = () =>
      pauses(evaluation.productInPieces!('pull', [v]), (i) => {
        if (i === at) evaluation.dispose();
        freePrograms();
      });
    expect(run).toThrow(DisposedError);
    expect(tf.memory().numTensors).toBe(before);
  }
  tf.dispose([X, w, v]);
});

it('products on flat vectors are left between their parts, and end with the derivative', () => {
  const [X, w, λ] = [matrix(1), { w: matrix(2) }, { λ: tf.scalar(3) }];
  const loss = compiled(
    ({ w }: NamedTensors, { λ }: NamedTensors) => tf.mul(λ!, lossOf(X, w!)) as tf.Scalar,
  );
  const flatLoss = flatLossOf(loss, w, λ, rememberedOf(loss)!, 'products')!;
  const { space } = flatLoss;
  const [flatW, flatλ, v] = space.keep([w, λ, { w: matrix(3) }].map((x) => space.from(x)));
  const before = space.bytes;
  const derivative = () => flatLoss.linearize(flatW!, flatλ!, 'pull to the varied');
  const whole = derivative();
  const expected = [whole.value, whole.hessian(v!), whole.mixed(v!)].map((x) => {
    const numbers = space.numbers(x).slice();
    if (x !== whole.value) space.free(x);
    return numbers;
  });
  whole.dispose();
  expect(whole.loops).toBeUndefined();
  slowClock();
  const settings = { needsValue: true, noted: () => {} };
  const evaluated = pauses(
    flatLoss.linearizeInPieces(flatW!, flatλ!, 'pull to the varied', settings),
    // Another program in the same memory.
    () => flatLoss.value(flatW!, flatλ!),
  );
  expect(evaluated.count).toBeGreaterThan(2);
  const { value, inPieces, dispose } = evaluated.value;
  const products = [pauses(inPieces!.hessian(v!)), pauses(inPieces!.mixed(v!))];
  expect(products[0]!.count).toBeGreaterThan(3);
  [value, ...products.map((product) => product.value)].forEach((x, i) => {
    expect(space.numbers(x).findIndex((number, j) => number !== expected[i]![j])).toBe(-1);
  });
  space.free(products.map((product) => product.value));
  dispose();
  expect(space.bytes).toBe(before);
  for (const at of [0, 1, 3, 5]) {
    const ended = derivative();
    const run = () =>
      pauses(ended.inPieces!.hessian(v!), (i) => {
        if (i === at) ended.dispose();
      });
    expect(run).toThrow(DisposedError);
    expect(space.bytes).toBe(before);
  }
  space.free([flatW, flatλ, v]);
  flatLoss.dispose();
});

it('an error of a run that was left is its own, not that of what runs next', () => {
  const heap = tf.backend() as Heap;
  const ran: number[] = [];
  const part = (i: number) => ({
    run() {
      if (i === 2) throw new Error('of the first');
      ran.push(i);
    },
  });
  slowClock();
  const run = inPortions(heap, [0, 1, 2, 3].map(part), () => {});
  run.next();
  expect(ran).toEqual([0]);
  finishLeft(heap);
  expect(ran).toEqual([0, 1]);
  expect(() => run.next()).toThrow('of the first');
});

it.each([false, true])(
  'a hypergradient is left within its programs (declared pure: %s)',
  async (pure) => {
    const [X, w] = [matrix(1), matrix(2)];
    const inner = (w: tf.Tensor, λ: tf.Tensor) =>
      tf.add(lossOf(X, w), tf.mul(λ, tf.mean(tf.square(w)))) as tf.Scalar;
    const loss = ({ w }: { w?: tf.Tensor }, { λ }: { λ?: tf.Tensor }) => inner(w!, λ!);
    const problem = {
      inner: pure ? compiled(loss) : loss,
      outer: ({ w }: { w?: tf.Tensor }) => tf.mean(tf.square(w!)) as tf.Scalar,
    };
    const how = implicit({ solver: cg({ tolerance: 1e-12, maxIterations: 2 }), estimate: false });
    const find = () => hypergradient(problem, { w }, { λ: tf.scalar(30) }, how);
    if (!pure) for (let i = 0; i < 2; i++) await find();
    const known = await find();
    const { turns, result: again } = await turnsDuring(find);
    // At least four parts in each product, which was one turn before.
    expect(turns).toBeGreaterThan(4 * again.stats.products);
    expect(relativeError(again.value, known.value)).toBeLessThan(1e-6);
    tf.dispose([X, w]);
  },
);

it('a loss that is traced for flat vectors is left in between, and known afterwards', () => {
  const names = Array.from({ length: 12 }, (_, i) => `w${i}`);
  const w = Object.fromEntries(names.map((name) => [name, small()]));
  let calls = 0;
  const inner = compiled((w: Record<string, tf.Tensor>, { l }: Record<string, tf.Tensor>) => {
    calls++;
    return tf.tidy(() => {
      const last = names.reduce<tf.Tensor>((x, name) => tf.tanh(tf.matMul(x, w[name]!)), small());
      return tf.mul(l!, tf.sum(tf.square(last))) as tf.Scalar;
    });
  });
  const problem = { inner, outer: compiled((w, { l }) => inner(w, { l: l! })) };
  const λ = { l: tf.scalar(2) };
  const before = tf.memory().numTensors;
  slowClock();
  // Forwards, backwards, twice for products, and lowered: of each loss.
  expect(pauses(traceLosses(problem, w, λ)).count).toBeGreaterThan(2 * 4 * names.length);
  const known = calls;
  flatProblem(problem, w, λ, 'pull')!.dispose();
  expect(calls).toBe(known);
  expect(pauses(traceLosses(problem, w, λ)).count).toBeLessThan(4);
  for (const loss of [problem.inner, problem.outer]) loss.free();
  expect(tf.memory().numTensors).toBe(before);
  tf.dispose([w, λ]);
});
