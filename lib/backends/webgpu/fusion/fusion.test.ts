import { existsSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { leaveOutOfQuickRun, needs } from '../../../../test/needs';
import { random } from '../../../numbers';
import { useBackend } from '../..';
import { type Case, type Evaluation, evaluate, opTable } from '../../op-table';
import { compare, oneOfEachOp } from '../../op-table/compare';
import { elementwise } from '../../op-table/elementwise';
import { inFewerKernels } from '.';
import { dispatchesOf } from './dispatches';

leaveOutOfQuickRun();

// Chromium brings a Vulkan driver that computes on the processor.
const software = '/usr/lib/chromium/vk_swiftshader_icd.json';
if (!process.env.VK_DRIVER_FILES && existsSync(software)) process.env.VK_DRIVER_FILES = software;
const gpu = needs('webgpu');
const time = needs('time');
const full = needs('full').available;

const SHAPES = [[4, 3], [3], [4, 1], []];
const SPECIAL = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, -0, 1e-8, -1e6];

const unary = [
  tf.tanh,
  tf.exp,
  tf.relu,
  tf.square,
  tf.neg,
  tf.sigmoid,
  tf.abs,
  tf.softplus,
  tf.sign,
];
const binary = [tf.add, tf.sub, tf.mul, tf.div, tf.maximum, tf.minimum, tf.squaredDifference];
const comparisons = [tf.greater, tf.lessEqual, tf.equal, tf.notEqual];

/** Chains of operations drawn by a seed, of tensors of several shapes; some results are used often. */
function drawnChain(seed: number): tf.Tensor[] {
  const { uniform, normals } = random(seed);
  const below = (n: number) => Math.floor(n * uniform());
  const values: tf.Tensor[] = SHAPES.map((shape) => {
    const numbers = [...normals(shape.reduce((a, b) => a * b, 1))];
    if (seed % 2 === 1) numbers[below(numbers.length)] = SPECIAL[below(SPECIAL.length)]!;
    return tf.tensor(numbers, shape);
  });
  const any = () => values[below(values.length)]!;
  for (let i = 0; i < 20; i++) {
    const kind = below(10);
    const [a, b] = [any(), any()];
    if (kind < 4) values.push(unary[below(unary.length)]!(a));
    else if (kind < 8) values.push(binary[below(binary.length)]!(a, b));
    else if (kind === 8)
      values.push(tf.cast(comparisons[below(comparisons.length)]!(a, b), 'float32'));
    else values.push(tf.where(tf.greater(a, 0), tf.neg(a), tf.onesLike(a)));
    // Others read some results at once.
    if (i % 7 === 6) values.push(tf.sum(any()));
  }
  return values.slice(-5);
}

async function read(make: () => tf.Tensor[]): Promise<number[]> {
  const tensors = make();
  const parts = await Promise.all(tensors.map((x) => x.data()));
  tf.dispose(tensors);
  return parts.flatMap((part) => [...part]);
}

describe.skipIf(!gpu.available)('operations of entries in fewer kernels', () => {
  afterEach(() => void vi.unstubAllEnvs());

  const answers = new Map<Case, Evaluation>();
  beforeAll(async () => {
    await useBackend('cpu');
    const ofEntries = elementwise.filter((c) => !c.refusal);
    const one = new Set(oneOfEachOp());
    const chosen = full ? ofEntries : ofEntries.filter((c) => one.has(c));
    for (const c of chosen) answers.set(c, await evaluate(c));
    await useBackend('webgpu');
  });

  it.skipIf(!time.available)(
    'have the values, gradients and Hessian products of cpu, and leave nothing',
    async () => {
      expect(answers.size).toBeGreaterThan(full ? 80 : 50);
      expect(opTable.length).toBeGreaterThan(answers.size);
      const before = tf.memory();
      const comparisons = await compare(answers, inFewerKernels);
      expect(comparisons.filter((c) => !(c.error < 1e-3))).toEqual([]);
      expect(comparisons.filter((c) => c.refusal).map((c) => c.name)).toEqual(['bitwiseAnd']);
      const { numTensors, numDataBuffers } = tf.memory();
      expect([numTensors, numDataBuffers]).toEqual([before.numTensors, before.numDataBuffers]);
    },
  );

  it.each(Array.from({ length: 24 }, (_, seed) => seed))('chain %i is as without', async (seed) => {
    const make = () => inFewerKernels(() => tf.tidy(() => drawnChain(seed)));
    const found = await read(make);
    vi.stubEnv('IMPLICIT_COMPILE', '0');
    const wanted = await read(make);
    expect(found.length).toBe(wanted.length);
    found.forEach((value, i) => {
      const other = wanted[i]!;
      if (!Number.isFinite(other)) expect(value).toBe(other);
      else expect(Math.abs(value - other)).toBeLessThanOrEqual(1e-5 * Math.max(1, Math.abs(other)));
    });
  });

  it('run one kernel for a chain, and none for what nobody reads', async () => {
    vi.stubEnv('IMPLICIT_COMPILE', '1');
    const x = tf.tensor2d([1, -2, 3, -4], [2, 2]);
    const bias = tf.tensor1d([1, 2]);
    const chain = () => tf.tidy(() => tf.mul(2, tf.relu(tf.add(tf.square(x), bias))));
    let y: tf.Tensor | undefined;
    const count = dispatchesOf(() => {
      y = inFewerKernels(chain);
    });
    expect(count).toBe(1);
    expect([...(await y!.data())]).toEqual([4, 12, 20, 36]);
    expect(dispatchesOf(() => inFewerKernels(chain).dispose())).toBe(1);
    expect(dispatchesOf(() => inFewerKernels(() => chain().dispose()))).toBe(0);
    expect(dispatchesOf(() => chain().dispose())).toBe(4);
    tf.dispose([x, bias, y!]);
  });

  it('are split where a kernel would read more tensors than it can', async () => {
    const xs = Array.from({ length: 20 }, (_, i) => tf.tensor1d([i, 2 * i]));
    let sum: tf.Tensor | undefined;
    const count = dispatchesOf(() => {
      sum = inFewerKernels(() =>
        tf.tidy(() => xs.reduce<tf.Tensor>((a, b) => tf.add(a, b), xs[0]!)),
      );
    });
    expect(count).toBeLessThanOrEqual(5);
    expect([...(await sum!.data())]).toEqual([190, 380]);
    tf.dispose([xs, sum!]);
  });

  it('do not depend on what happens to their inputs before they run', async () => {
    const before = tf.memory();
    const y = inFewerKernels(() => {
      const x = tf.tensor1d([1, 2, 3]);
      const square = tf.square(x);
      const result = tf.add(square, 1);
      tf.dispose([x, square]);
      return result;
    });
    expect([...(await y.data())]).toEqual([2, 5, 10]);
    y.dispose();
    expect(tf.memory().numDataBuffers).toBe(before.numDataBuffers);
  });

  it('are computed where they are read within, and where an error ends the function', async () => {
    const x = tf.tensor1d([1, 2]);
    const kept: tf.Tensor[] = [];
    const reading = inFewerKernels(() => {
      const y = tf.square(x);
      kept.push(y);
      return y.data();
    });
    expect([...(await reading)]).toEqual([1, 4]);
    expect(() =>
      inFewerKernels(() => {
        kept.push(tf.neg(x));
        throw new Error('no');
      }),
    ).toThrow('no');
    expect([...(await kept[1]!.data())]).toEqual([-1, -2]);
    tf.dispose([x, kept]);
  });

  it('leave tensors without entries as they are', async () => {
    const y = inFewerKernels(() => tf.tidy(() => tf.add(tf.neg(tf.zeros([0, 3])), 1)));
    expect(y.shape).toEqual([0, 3]);
    expect([...(await y.data())]).toEqual([]);
    y.dispose();
  });
});
