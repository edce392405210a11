import * as tf from '@tensorflow/tfjs';
import { beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { leaveOutWithoutPrograms, needs } from '../../../test/needs';
import { softmaxCrossEntropy, useBackend } from '../../backends';
import type { Heap } from '../../backends/wasm/kernels/heap';
import { kernels, normal, oneHot, relativeError } from '../testing';
import { type Evaluation, evaluateTraced, freePrograms, switchPrograms, tracedCounts } from '.';
import { structureOf } from './trace';

leaveOutWithoutPrograms();

type Loss = (x: tf.Tensor[], data: tf.Tensor) => tf.Tensor;

const square = (x: tf.Tensor) => tf.sum(tf.mul(x, x));
/** Losses of some leaves, the first of which are varied, and of data from outside. */
const losses: [name: string, shapes: number[][], varied: number, loss: Loss][] = [
  [
    'logistic regression with log-penalties',
    [[6], [6]],
    1,
    ([w, λ], X) => {
      const data = tf.mean(tf.softplus(tf.neg(tf.dot(X, w!))));
      return tf.add(data, tf.mul(0.5, tf.sum(tf.mul(tf.exp(λ!), tf.mul(w!, w!)))));
    },
  ],
  [
    'two layers with tanh and cross-entropy',
    [[6, 5], [5], [5, 3], [3], [6, 5]],
    4,
    ([W1, b1, W2, b2, λ], X) => {
      const a = tf.tanh(tf.add(tf.matMul(X, W1!), b1!));
      const z = tf.add(tf.matMul(a, W2!), b2!);
      const penalty = tf.sum(tf.mul(tf.exp(λ!), tf.square(W1!)));
      return tf.add(softmaxCrossEntropy(oneHot(7, 3), z), penalty);
    },
  ],
  [
    'relu, sigmoid, softmax and log softmax',
    [
      [6, 5],
      [5, 4],
    ],
    2,
    ([W, V], X) => {
      const a = tf.relu(tf.matMul(X, W!));
      const z = tf.matMul(tf.sigmoid(tf.sub(a, 0.3)), V!);
      return tf.add(square(tf.softmax(z)), tf.mean(tf.mul(tf.logSoftmax(z), z)));
    },
  ],
  [
    'rows, columns, scalars and divisions',
    [[7, 1], [6], [], [7, 6]],
    4,
    ([column, row, s, full], X) => {
      const q = tf.div(tf.add(tf.mul(X, column!), row!), tf.add(tf.square(s!), 1.5));
      const r = tf.sqrt(tf.add(tf.square(tf.sub(q, full!)), 0.1));
      return tf.add(tf.sum(tf.mean(r, 0)), tf.mean(tf.log(tf.sum(tf.exp(q), 1))));
    },
  ],
  [
    'transposed products and a maximum',
    [
      [5, 6],
      [7, 5],
    ],
    2,
    ([A, B], X) => {
      const p = tf.matMul(tf.matMul(X, A!, false, true), B!, false, true);
      const t = tf.transpose(tf.matMul(A!, X, false, true)) as tf.Tensor2D;
      return tf.add(square(tf.maximum(p, 0.2)), tf.sum(tf.abs(tf.minimum(t, B!))));
    },
  ],
  [
    'what depends on one leaf alone, and a leaf that nothing depends on',
    [[4], [3], [2, 2]],
    2,
    ([a]) => tf.sum(tf.exp(tf.mul(a!, tf.scalar(0.3)))),
  ],
  [
    'a recurrence on the pieces of a product, joined',
    [
      [6, 4],
      [4, 4],
    ],
    2,
    ([U, W], X) => {
      const [first, ...rest] = tf.split(tf.matMul(tf.concat([X, X]), U!), [3, 3, 3, 3, 2], 0);
      const states = [tf.tanh(first!)];
      for (const x of rest.slice(0, -1)) {
        states.push(tf.tanh(tf.add(x, tf.matMul(states.at(-1)!, W!))));
      }
      return tf.add(square(tf.concat(states)), tf.sum(tf.tanh(tf.slice(rest.at(-1)!, [1, 0]))));
    },
  ],
  [
    'parts that are gradients, parts of parts, and zeros around them',
    [[2, 3], [1, 3], [5]],
    3,
    ([a, b, c], X) => {
      const weights = tf.slice(tf.reshape(X, [14, 3]), [1, 0], [3, 3]);
      const joined = tf.concat([a!, b!]);
      const inner = tf.slice(tf.slice(c!, [1], [3]), [1], [2]);
      const rows = tf.slice(tf.exp(joined), [1, 0], [1, 3]);
      const linear = tf.sum(tf.mul(joined, weights));
      return tf.add(tf.add(linear, square(inner)), tf.sum(tf.mul(rows, rows)));
    },
  ],
  [
    'convolutions, pools and a depthwise convolution',
    [[3, 3, 1, 4], [4], [3, 3, 4, 1], [8, 3]],
    3,
    ([K, b, D, V], X) => {
      const image = tf.reshape(X, [1, 7, 6, 1]) as tf.Tensor4D;
      const z = tf.add(tf.conv2d(image, K as tf.Tensor4D, 1, 'same'), b!);
      const p = tf.maxPool(tf.relu(z) as tf.Tensor4D, 2, 1, 'valid');
      const d = tf.depthwiseConv2d(tf.tanh(p), D as tf.Tensor4D, 1, 'valid');
      const a = tf.avgPool(d as tf.Tensor4D, 2, 2, 'same');
      const rows = tf.reshape(tf.mean(a, 2), [1, 8]);
      return tf.logSumExp(tf.matMul(rows, V!));
    },
  ],
  [
    'a recurrence over slices, and what is put together of them',
    [
      [5, 5],
      [6, 5],
      [7, 1],
    ],
    2,
    ([W, U, c], X) => {
      const inputs = tf.split(tf.mul(X, c!), 7, 0);
      const states = [tf.tanh(tf.matMul(inputs[0]!, U!))];
      for (const x of inputs.slice(1)) {
        states.push(tf.tanh(tf.add(tf.matMul(states.at(-1)!, W!), tf.matMul(x, U!))));
      }
      const all = tf.concat(states, 0);
      const some = tf.gather(all, tf.tensor1d([3, 0, 3, 6], 'int32'));
      return tf.add(square(tf.slice(all, [1, 1], [4, 3])), square(tf.sin(some)));
    },
  ],
  [
    'broadcasts and sums along axes in between',
    [
      [7, 1, 2],
      [6, 1],
      [7, 6, 2],
    ],
    2,
    ([a, b, c], X) => {
      const z = tf.mul(tf.add(tf.add(a!, b!), tf.expandDims(X, 2)), c!);
      return tf.add(square(tf.sum(z, 1)), tf.sum(tf.pow(tf.add(tf.square(tf.max(z, 1)), 1), 1.5)));
    },
  ],
  ['a leaf as its own gradient', [[4]], 1, ([a]) => tf.mul(0.5, square(a!))],
  ['a constant gradient', [[4]], 1, ([a]) => tf.sum(a!)],
];

const leavesOf = (shapes: number[][], seed: number) =>
  shapes.map((shape, i) => normal(shape, seed + i, 0.5));

const run = (loss: Loss, leaves: tf.Tensor[], varied: number, data: tf.Tensor): Evaluation =>
  evaluateTraced(() => loss(leaves, data) as tf.Scalar, { all: leaves, varied }, 'products')!;

function all(evaluation: Evaluation, leaves: tf.Tensor[], varied: number, seed: number) {
  const tangents = leavesOf(
    leaves.map(({ shape }) => shape),
    seed,
  );
  const cotangents = tangents.slice(0, varied);
  return {
    value: [evaluation.value],
    gradient: evaluation.gradient(),
    push: evaluation.product('push', tangents),
    pull: evaluation.product('pull', cotangents),
    again: evaluation.product(
      'pull',
      tangents.slice(0, varied).map((t) => tf.mul(t, 2)),
    ),
    varied: evaluation.product('pull to the varied', cotangents),
    rest: evaluation.product('pull to the rest', cotangents),
  };
}

/** Programs multiply matrices by the system's library, or by themselves. */
const libraries = needs('blas').available ? [true, false] : [false];

beforeEach(() => freePrograms());

describe.each(libraries)('a program, with OpenBLAS: %s', (blas) => {
  beforeAll(() => useBackend('wasm', { threads: 1, blas }));

  it.each(losses)('computes what operations do: %s', (_, shapes, varied, loss) => {
    const before = tf.memory().numTensors;
    tf.tidy(() => {
      const first = leavesOf(shapes, 1);
      for (let i = 0; i < 2; i++) run(loss, first, varied, normal([7, 6], 50)).dispose();
      const { refused } = tracedCounts();
      // Another point, other data, the same structure.
      const leaves = leavesOf(shapes, 20);
      const data = normal([7, 6], 60);
      const hits = tracedCounts().hits;
      const traced = run(loss, leaves, varied, data);
      expect(tracedCounts()).toMatchObject({ hits: hits + 1, refused });
      const found = all(traced, leaves, varied, 70);
      freePrograms();
      const plain = run(loss, leaves, varied, data);
      expect(tracedCounts().hits).toBe(hits + 1);
      const wanted = all(plain, leaves, varied, 70);
      for (const name of Object.keys(wanted) as (keyof typeof wanted)[]) {
        expect(found[name].map(({ shape }) => shape)).toEqual(
          wanted[name].map(({ shape }) => shape),
        );
        const scale = relativeError(wanted[name], tf.zeros([0]));
        const isZero = !(scale > 0) || Number.isNaN(scale);
        if (isZero && wanted[name].every((x) => tf.sum(tf.abs(x)).dataSync()[0] === 0)) {
          for (const x of found[name]) expect(tf.sum(tf.abs(x)).dataSync()[0]).toBe(0);
        } else if (wanted[name].length > 0) {
          expect(relativeError(found[name], wanted[name])).toBeLessThan(3e-6);
        }
      }
      traced.dispose();
      plain.dispose();
    });
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe.each(libraries)('what is traced, with OpenBLAS: %s', (blas) => {
  beforeAll(() => useBackend('wasm', { threads: 1, blas }));

  const data = () => normal([7, 6], 50);
  const [, shapes, varied, loss] = losses[1]!;

  it('is traced when a structure comes again, and once', () => {
    tf.tidy(() => {
      const { traced, hits, milliseconds } = tracedCounts();
      const other: Loss = (x, X) => tf.add(loss(x, X), tf.sum(tf.abs(x[1]!)));
      for (const each of [loss, loss, other, loss, other, other]) {
        run(each, leavesOf(shapes, 1), varied, data()).dispose();
      }
      expect(tracedCounts()).toMatchObject({ traced: traced + 2, hits: hits + 2 });
      expect(tracedCounts().milliseconds).toBeGreaterThan(milliseconds);
    });
  });

  it('runs no kernel for the gradient', () => {
    tf.tidy(() => {
      const leaves = leavesOf(shapes, 1);
      for (let i = 0; i < 2; i++) run(loss, leaves, varied, data()).dispose();
      const traced = run(loss, leaves, varied, data());
      expect(kernels(() => traced.gradient())).toEqual([]);
      traced.dispose();
    });
  });

  it('is refused where a custom gradient may hide numbers, and right nevertheless', () => {
    let factor = 1;
    const scaled = tf.customGrad((x) => ({
      value: tf.mul(x as tf.Tensor, 1),
      gradFunc: (dy) => tf.mul(dy, factor),
    }));
    const hidden: Loss = ([a]) => tf.sum(scaled(a!));
    tf.tidy(() => {
      const leaves = leavesOf([[3]], 1);
      for (factor of [1, 2, 3, 4]) {
        const evaluation = run(hidden, leaves, 1, data());
        expect([...evaluation.gradient()[0]!.dataSync()]).toEqual([factor, factor, factor]);
        evaluation.dispose();
      }
    });
  });

  it('sees numbers that the loss makes again each time', () => {
    let factor = 1;
    const changing: Loss = ([a]) => tf.mul(tf.sum(a!), tf.mul(factor, tf.scalar(factor)));
    tf.tidy(() => {
      const leaves = leavesOf([[3]], 1);
      for (factor of [1, 2, 3, 4]) {
        const evaluation = run(changing, leaves, 1, data());
        expect(evaluation.gradient()[0]!.dataSync()[0]).toBeCloseTo(factor ** 2, 5);
        evaluation.dispose();
      }
    });
  });

  it('tells infinities, NaN and types apart', () => {
    const words = [Number.POSITIVE_INFINITY, Number.NaN, 0, -0].map((alpha) => {
      const x = tf.scalar(1);
      const ran = [{ kernel: 'Step', inputs: [['x', x]] as const, attrs: { alpha }, outputs: [x] }];
      return structureOf(ran, []).word;
    });
    const typed = (['float32', 'int32', 'bool'] as const).map(
      (dtype) => structureOf([], [tf.zeros([2], dtype)]).word,
    );
    expect(new Set([...words, ...typed]).size).toBe(7);
  });

  it('is nothing while kernels are profiled, which would not show its own', async () => {
    const leaves = leavesOf(shapes, 1);
    let seen: unknown = 'nothing yet';
    await tf.profile(() => {
      seen = evaluateTraced(
        () => loss(leaves, data()) as tf.Scalar,
        { all: leaves, varied },
        'gradient',
      );
      return tf.scalar(0);
    });
    expect(seen).toBeUndefined();
  });

  it('is nothing where IMPLICIT_COMPILE is 0, and inside a gradient', () => {
    const leaves = leavesOf(shapes, 1);
    const attempt = () =>
      evaluateTraced(() => loss(leaves, data()) as tf.Scalar, { all: leaves, varied }, 'gradient');
    switchPrograms(false);
    expect(attempt()).toBeUndefined();
    switchPrograms(true);
    tf.grad((x) => {
      expect(attempt()).toBeUndefined();
      return tf.mul(x, 2);
    })(tf.scalar(1));
    attempt()!.dispose();
  });

  it('gives back the memory of programs that are freed', () => {
    const { wasm } = tf.backend() as unknown as {
      wasm: { _malloc(bytes: number): number; _free(address: number): void };
    };
    const alive = new Set<number>();
    const { _malloc, _free } = wasm;
    const windows = losses.find(([name]) => name.startsWith('convolutions'))!;
    const evaluated = (i: number) => {
      const [, shapes, varied, loss] = windows;
      const other: Loss = (x, X) => tf.add(loss(x, X), tf.mul(i, tf.sum(tf.square(x[i % 3]!))));
      // Another attribute, so another structure.
      const each: Loss = (x, X) => tf.leakyRelu(other(x, X), 0.1 + i / 1000);
      for (let k = 0; k < 3; k++) {
        const evaluation = run(each, leavesOf(shapes, 1), varied, data());
        evaluation.product('pull', leavesOf(shapes, 2).slice(0, varied));
        evaluation.dispose();
      }
    };
    tf.tidy(() => evaluated(0));
    freePrograms();
    wasm._malloc = (bytes) => {
      const address = _malloc(bytes);
      alive.add(address);
      return address;
    };
    wasm._free = (address) => {
      alive.delete(address);
      _free(address);
    };
    try {
      tf.tidy(() => evaluated(0));
      const ofOne = alive.size;
      expect(ofOne).toBeGreaterThan(0);
      for (let i = 1; i < 4; i++) tf.tidy(() => evaluated(i));
      expect(alive.size).toBeGreaterThan(ofOne);
      freePrograms();
      expect(alive.size).toBe(0);
    } finally {
      Object.assign(wasm, { _malloc, _free });
    }
  });

  it('answers NaN where operations do', () => {
    const [, shapes, varied, loss] = losses.find(([name]) => name.startsWith('convolutions'))!;
    tf.tidy(() => {
      const X = data();
      const broken = tf.where(tf.equal(tf.range(0, 42).reshape([7, 6]), 3), Number.NaN, X);
      // The first evaluation goes operation by operation, the third by a program.
      const [first, , third] = [1, 2, 3].map(() => {
        const evaluation = run(loss, leavesOf(shapes, 1), varied, broken);
        const product = evaluation.product('pull', leavesOf(shapes, 2).slice(0, varied));
        const found = [...evaluation.gradient(), ...product].map((x) => [...x.dataSync()]);
        evaluation.dispose();
        return found.map((numbers) => numbers.map(Number.isNaN));
      });
      expect(first!.flat()).toContain(true);
      expect(third).toEqual(first);
    });
  });

  it('frees what it kept, and refuses to go on', () => {
    const leaves = leavesOf(shapes, 1);
    const X = data();
    for (let i = 0; i < 2; i++) run(loss, leaves, varied, X).dispose();
    const before = tf.memory().numTensors;
    const evaluation = run(loss, leaves, varied, X);
    const cotangents = leaves.slice(0, varied);
    tf.dispose(evaluation.product('pull', cotangents));
    tf.dispose(evaluation.gradient());
    evaluation.dispose();
    evaluation.dispose();
    expect(tf.memory().numTensors).toBe(before);
    expect(() => evaluation.product('pull', cotangents)).toThrow(/disposed/);
  });
});

describe('structures', () => {
  beforeAll(async () => {
    await useBackend('wasm', { threads: 1 });
  });

  it('tells a custom gradient from the kernels that it runs', () => {
    const x = tf.tensor1d([1, 2]);
    const doubled = tf.customGrad((a) => ({
      value: tf.square(a as tf.Tensor),
      gradFunc: (dy) => tf.mul(dy, tf.mul(4, a as tf.Tensor)),
    }));
    const slopeOf = (f: (x: tf.Tensor) => tf.Tensor) => {
      const evaluation = evaluateTraced(
        () => tf.sum(f(x)) as tf.Scalar,
        { all: [x], varied: 1 },
        'gradient',
      )!;
      const [gradient] = evaluation.gradient();
      evaluation.dispose();
      return [...gradient!.dataSync()];
    };
    for (let round = 0; round < 4; round++) {
      expect(slopeOf(tf.square)).toEqual([2, 4]);
      expect(slopeOf(doubled)).toEqual([4, 8]);
    }
  });

  const MOST = 128;
  const evaluated = (size: number) => {
    const x = tf.fill([size], 0.5);
    const leaves = { all: [x], varied: 1 };
    const evaluation = evaluateTraced(() => tf.sum(tf.exp(x)) as tf.Scalar, leaves, 'products')!;
    x.dispose();
    return evaluation;
  };
  const product = (evaluation: Evaluation, size: number) => {
    const of = tf.tidy(() => evaluation.product('pull', [tf.ones([size])])[0]!);
    const [first] = of.dataSync();
    of.dispose();
    return first;
  };

  it('of more than are remembered, the one not used for longest is forgotten, and freed once nobody uses it', () => {
    freePrograms();
    const { numTensors } = tf.memory();
    for (let i = 0; i < 2; i++) evaluated(1).dispose();
    const held = evaluated(1);
    expect(product(held, 1)).toBeCloseTo(Math.exp(0.5), 5);
    const { traced } = tracedCounts();
    for (let size = 2; size <= MOST + 1; size++) {
      for (let i = 0; i < 2; i++) evaluated(size).dispose();
    }
    expect(tracedCounts().traced).toBe(traced + MOST);
    // Forgotten, but in use.
    expect(product(held, 1)).toBeCloseTo(Math.exp(0.5), 5);
    const free = vi.spyOn((tf.backend() as Heap).wasm, '_free');
    held.dispose();
    expect(free).toHaveBeenCalled();
    free.mockRestore();

    const { hits } = tracedCounts();
    evaluated(MOST + 1).dispose();
    expect(tracedCounts().hits).toBe(hits + 1);
    for (let i = 0; i < 2; i++) evaluated(1).dispose();
    expect(tracedCounts()).toMatchObject({ hits: hits + 1, traced: traced + MOST + 1 });
    expect(tf.memory().numTensors).toBe(numTensors);
    freePrograms();
  });
});
