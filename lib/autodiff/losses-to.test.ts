import * as tf from '@tensorflow/tfjs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { leaveOutWithoutPrograms } from '../../test/needs';
import { softmaxCrossEntropy, useBackend } from '../backends';
import type { Heap } from '../backends/wasm/kernels/heap';
import { withoutPause } from '../event-loop';
import { freePrograms, markOutput, recordByProgramInPieces } from '.';
import { normal } from './testing';

leaveOutWithoutPrograms();

type Variables = Record<'W' | 'b', tf.Variable>;
type Loss = (variables: Variables, x: tf.Tensor) => tf.Scalar;

const TWICE = 'TwiceOfATest';
const twice = (x: tf.Tensor) => tf.engine().runKernel(TWICE, { x }) as tf.Tensor;

beforeAll(async () => {
  await useBackend('wasm', { threads: 1 });
  // A kernel that no program knows; its gradient needs nothing that it computes.
  const kernelFunc: tf.KernelFunc = ({ inputs, backend }) => {
    const heap = backend as Heap;
    const out = heap.makeOutput([...inputs.x!.shape], 'float32');
    const x = heap.typedArrayFromHeap(inputs.x!);
    heap.typedArrayFromHeap(out).set(x.map((each) => 2 * each));
    return out;
  };
  tf.registerKernel({ kernelName: TWICE, backendName: 'wasm', kernelFunc });
  tf.registerGradient({
    kernelName: TWICE,
    gradFunc: (dy) => ({ x: () => tf.mul(2, dy as tf.Tensor) }),
  });
});
afterAll(() => tf.unregisterKernel(TWICE, 'wasm'));
beforeEach(freePrograms);
afterEach(() => tf.disposeVariables());

const labels = () => tf.oneHot(tf.tensor1d([0, 1, 2, 0, 1, 1, 0], 'int32'), 3);
const outputOf = ({ W, b }: Variables, x: tf.Tensor) =>
  markOutput(tf.add(tf.matMul(x as tf.Tensor2D, W as tf.Tensor2D), b));

const losses: Record<string, Loss> = {
  'a cross-entropy': (variables, x) => softmaxCrossEntropy(labels(), outputOf(variables, x)),
  'squares of tanh': (variables, x) => tf.mean(tf.square(tf.tanh(outputOf(variables, x)))),
  'a penalty besides': (variables, x) =>
    tf.add(
      softmaxCrossEntropy(labels(), outputOf(variables, x)),
      tf.mul(0.1, tf.sum(tf.square(variables.W))),
    ),
  'sums of parts': (variables, x) => {
    const z = outputOf(variables, x);
    const parts = [0, 1, 2].map((i) => tf.sum(tf.square(tf.slice(z, [2 * i, 0], [2, 3]))));
    return tf.addN(parts.map((part, i) => tf.mul(i + 1, part))) as tf.Scalar;
  },
};

const made = (): Variables => ({
  W: tf.variable(normal([4, 3], 1), true, 'W'),
  b: tf.variable(normal([3], 2), true, 'b'),
});

/** Recorded for the n-th time, by a program from the third time on. */
function recorded(
  loss: Loss,
  variables: Variables,
  { kind = 'gauss-newton', times = 3, moving = ['W', 'b'] as (keyof Variables)[] } = {},
) {
  const x = normal([7, 4], 5);
  const selected = Object.fromEntries(moving.map((name) => [name, variables[name]]));
  const record = () =>
    withoutPause(
      recordByProgramInPieces(
        () => tf.tidy(() => loss(variables, x)),
        () => ({ variables: selected, block: moving }),
        kind as 'gauss-newton' | 'hessian',
        Object.values(variables),
      ),
    );
  for (let i = 1; i < times; i++) record().dispose();
  const curvature = record();
  return { curvature, x, selected };
}

const numberOf = (f: () => tf.Scalar) => tf.tidy(() => f().dataSync()[0]!);

describe.each(['gauss-newton', 'hessian'] as const)(
  'the loss where variables have moved, %s',
  (kind) => {
    it.each(Object.entries(losses))('by a program: %s', (_, loss) => {
      const variables = made();
      const before = tf.memory().numTensors;
      const { curvature, x, selected } = recorded(loss, variables, { kind });
      expect(curvature.execution).toBe('compiled');
      // To the last bit where nothing has moved, whichever of the programs has run.
      const there = curvature.lossesTo!(selected)!;
      expect(there.after).toBe(there.before);
      const value = numberOf(() => curvature.value);
      expect(Math.abs(there.before / value - 1)).toBeLessThan(1e-6);
      curvature.rowSpace();
      tf.dispose(curvature.apply(selected));
      expect(curvature.lossesTo!(selected)).toEqual(there);
      tf.tidy(() => variables.W.assign(normal([4, 3], 3)));
      const truth = numberOf(() => loss(variables, x));
      const moved = curvature.lossesTo!(selected)!;
      expect(moved.before).toBe(there.before);
      expect(Math.abs(moved.after / truth - 1)).toBeLessThan(1e-6);
      expect(Math.abs(truth - there.before)).toBeGreaterThan(0.01);
      curvature.dispose();
      expect(() => curvature.lossesTo!(selected)).toThrow('disposed');
      x.dispose();
      freePrograms();
      expect(tf.memory().numTensors).toBe(before);
    });

    it('takes what does not move as it was, also if it has been disposed of', () => {
      const variables = made();
      const loss = losses['a cross-entropy']!;
      const { curvature, x, selected } = recorded(loss, variables, { kind, moving: ['W'] });
      tf.tidy(() => variables.W.assign(normal([4, 3], 3)));
      const truth = numberOf(() => loss(variables, x));
      x.dispose();
      tf.tidy(() => variables.b.assign(normal([3], 4)));
      expect(curvature.lossesTo!(selected)!.after).toBeCloseTo(truth, 5);
      curvature.dispose();
    });

    it('has none where the loss is on a tape, or has a kernel that no program knows', () => {
      const variables = made();
      const first = recorded(losses['a cross-entropy']!, variables, { kind, times: 1 });
      expect(first.curvature.lossesTo).toBeUndefined();
      const unknown: Loss = (at, x) => twice(tf.mean(tf.square(outputOf(at, x)))) as tf.Scalar;
      const second = recorded(unknown, variables, { kind });
      expect(second.curvature.execution).toBe('compiled');
      expect(second.curvature.lossesTo!(second.selected)).toBeUndefined();
      for (const { curvature } of [first, second]) curvature.dispose();
    });
  },
);
