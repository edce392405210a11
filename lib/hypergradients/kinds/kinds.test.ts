import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { leaveOutOfQuickRun } from '../../../test/needs';
import { softmaxCrossEntropies } from '../../backends';
import { InputError, ShapeError } from '../../errors';
import { gradientDescent } from '../../methods';
import { random } from '../../numbers';
import { onBatches } from '../../problems/problem';
import { cg } from '../../solvers';
import type { NamedTensors } from '../../spaces';
import { unrolled } from '../../unrolling';
import { hypergradient } from '../hypergradient';
import { implicit } from '../implicit';
import { numbers } from '../testing';
import {
  augmentation,
  biasedRegularization,
  bilevelProblem,
  distillation,
  type ExampleLosses,
  type Examples,
  globalL2,
  type Kind,
  perFeatureL2,
  perTensorL2,
  perWeightL2,
  sampleWeights,
} from '.';

leaveOutOfQuickRun();

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const stream = random(3);
const rows = (count: number): Examples => {
  const x = Array.from({ length: count }, () => [...stream.normals(4)]);
  const label = x.map(([a, b]) => (a! > 0 ? (b! > 0.5 ? 2 : 1) : 0));
  return {
    x: tf.tensor2d(x),
    y: tf.tensor2d(label.map((k) => [0, 1, 2].map((j) => (j === k ? 1 : 0)))),
  };
};
const train = rows(24);
const validation = rows(24);

/** A linear classifier with a small penalty of its own, so that its solution is one. */
const losses: ExampleLosses = (w, { x, y }) =>
  tf.add(
    softmaxCrossEntropies(y, tf.add(tf.matMul(x as tf.Tensor2D, w.W as tf.Tensor2D), w.b!)),
    tf.mul(0.05, tf.add(tf.sum(tf.square(w.W!)), tf.sum(tf.square(w.b!)))),
  ) as tf.Tensor1D;
const w0: NamedTensors = { W: tf.zeros([4, 3]), b: tf.zeros([3]) };

const kinds: [string, Kind][] = [
  perWeightL2({ initial: -2 }),
  perFeatureL2({ initial: -2, names: ['W'] }),
  perTensorL2({ initial: -2 }),
  globalL2({ initial: -2 }),
  sampleWeights({ count: 24 }),
  biasedRegularization({ strength: 0.5 }),
  augmentation({
    transform: (x, λ) => tf.tanh(tf.add(tf.matMul(x as tf.Tensor2D, λ.mix as tf.Tensor2D), x)),
    initial: () => ({ mix: tf.fill([4, 4], 0.1) }),
  }),
  distillation({
    targets: [
      [1, 0, 0],
      [0, 1, 0],
      [0, 0, 1],
    ],
    shape: [4],
  }),
].map((kind) => [kind.name, kind]);

/** λ near its start, no entry like another. */
const shaken = (λ: NamedTensors) =>
  Object.fromEntries(
    Object.entries(λ).map(([name, value], i) => [
      name,
      tf.add(value, tf.randomNormal(value.shape, 0, 0.3, 'float32', 5 + i)),
    ]),
  );

describe.each(kinds)('%s', (_, kind) => {
  it('has the hypergradient that unrolling to convergence has', async () => {
    const problem = onBatches(bilevelProblem(losses, kind), { inner: train, outer: validation });
    const λ = shaken(kind.initial(w0));
    const how = unrolled({ method: gradientDescent(0.8), steps: 150 });
    const walked = await hypergradient(problem, w0, λ, how);
    const solver = cg({ tolerance: 1e-5 });
    const { value, stats } = await hypergradient(problem, walked.w, λ, implicit({ solver }));
    expect(stats.status).toBe('converged');
    expect(stats.zero).toEqual([]);
    expect(Math.hypot(...numbers(value))).toBeGreaterThan(1e-3);
    const apart = numbers(value).map((x, i) => x - numbers(walked.value)[i]!);
    expect(Math.hypot(...apart) / Math.hypot(...numbers(value))).toBeLessThan(1e-3);
    expect(Math.hypot(...apart)).toBeLessThan(stats.error!.bound);
  });

  it('prints as a record', () => {
    expect(JSON.parse(JSON.stringify(kind)).name).toBe(kind.name);
  });
});

describe('each kind enters the loss as it says', () => {
  const w: NamedTensors = { W: tf.fill([4, 3], 2), b: tf.fill([3], 3) };
  const plain = tf.mean(losses(w, train)).dataSync()[0]!;
  const loss = (kind: Kind, λ = kind.initial(w), batch = train) =>
    kind.loss(losses, w, λ, batch).dataSync()[0]!;

  it('penalties', () => {
    const penalty = (squares: number) => plain + 0.5 * Math.exp(-4) * squares;
    expect(loss(perWeightL2())).toBeCloseTo(penalty(12 * 4 + 3 * 9), 5);
    expect(loss(perTensorL2())).toBeCloseTo(penalty(12 * 4 + 3 * 9), 5);
    expect(loss(globalL2())).toBeCloseTo(penalty(12 * 4 + 3 * 9), 5);
    expect(loss(globalL2({ names: ['b'] }))).toBeCloseTo(penalty(3 * 9), 5);
    expect(globalL2().initial(w).penalty!.shape).toEqual([]);
    expect(loss(perFeatureL2({ names: ['W'] }))).toBeCloseTo(penalty(12 * 4), 5);
    expect(perFeatureL2().initial(w).W!.shape).toEqual([4, 1]);
    const kind = biasedRegularization({ strength: 3 });
    expect(loss(kind)).toBeCloseTo(plain + 1.5 * (12 * 4 + 3 * 9), 4);
    expect(loss(kind, w)).toBeCloseTo(plain, 5);
  });

  it('weights of examples: all 1 at first, and chosen by the index of a batch', () => {
    const kind = sampleWeights({ count: 24 });
    expect(loss(kind)).toBeCloseTo(plain, 5);
    const logits = tf.concat([tf.fill([2], -100), tf.fill([22], 100)]);
    const batch = (index: number[]) => ({
      x: tf.gather(train.x, index),
      y: tf.gather(train.y, index),
      index: tf.tensor1d(index, 'int32'),
    });
    expect(loss(kind, { logits }, batch([0, 1]))).toBeCloseTo(0, 6);
    const some = batch([4, 1, 9]);
    const each = losses(w, some).dataSync();
    expect(loss(kind, { logits }, some)).toBeCloseTo((2 * (each[0]! + each[2]!)) / 3, 5);
  });

  it('learned examples take the place of the batch', () => {
    const kind = distillation({ targets: [[1, 0, 0]], shape: [4] });
    const at0 = losses(w, { x: tf.zeros([1, 4]), y: tf.tensor2d([[1, 0, 0]]) }).dataSync()[0]!;
    expect(loss(kind)).toBeCloseTo(at0, 6);
  });
});

describe('hyperparameters are never broadcast', () => {
  const w: NamedTensors = { W: tf.fill([4, 3], 2), b: tf.fill([3], 3) };

  it.each(kinds.filter(([, { name }]) => name !== 'augmentation'))(
    '%s refuses another shape and a missing one, and lets others be beside it',
    (_, kind) => {
      const λ = kind.initial(w);
      const loss = (given: NamedTensors) => kind.loss(losses, w, given, train);
      expect(loss({ ...λ, logRate: tf.scalar(1) }).shape).toEqual([]);
      for (const [name, value] of Object.entries(λ)) {
        const { [name]: _missing, ...rest } = λ;
        expect(() => loss(rest)).toThrow(InputError);
        const others = [
          tf.expandDims(value, -1),
          tf.expandDims(value, 0),
          tf.concat([tf.reshape(value, [-1]), tf.zeros([1])]),
        ];
        for (const other of others) {
          expect(() => loss({ ...λ, [name]: other })).toThrow(ShapeError);
        }
        if (value.rank > 0) {
          expect(() => loss({ ...λ, [name]: tf.scalar(1) })).toThrow(ShapeError);
        }
      }
    },
  );

  it('nor is the index of a batch', () => {
    const kind = sampleWeights({ count: 24 });
    const places = tf.range(0, 24, 1, 'int32');
    for (const index of [tf.expandDims(places, 1), tf.range(0, 24), tf.scalar(0, 'int32')]) {
      const batch = { ...train, index: index as tf.Tensor1D };
      expect(() => kind.loss(losses, w, kind.initial(w), batch)).toThrow(ShapeError);
    }
  });
});

describe('bad options', () => {
  it.each([
    () => perWeightL2({ initial: Number.NEGATIVE_INFINITY }),
    () => perWeightL2({ names: ['V'] }).initial(w0),
    () => globalL2({ names: ['V'] }).initial(w0),
    () => globalL2({ initial: Number.NaN }),
    () => sampleWeights({ count: 0.5 }),
    () => biasedRegularization({ strength: 0 }),
    () => distillation({ targets: [[1, 0], [1]], shape: [4] }),
    () => distillation({ targets: [], shape: [4] }),
  ])('%s', (make) => {
    expect(make).toThrow(InputError);
  });
});

it('serializes as the record that it was made of', () => {
  const record = { initial: -2, names: ['W'] };
  for (const make of [perWeightL2, perFeatureL2, perTensorL2, globalL2]) {
    const kind = make(record);
    expect(JSON.parse(JSON.stringify(kind))).toEqual({ name: kind.name, ...record });
  }
});
