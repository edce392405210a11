import { existsSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { leaveOutOfQuickRun, needs } from '../../test/needs';
import { gaussNewton, hessian, markAuxiliary } from '../autodiff';
import { useBackend } from '../backends';
import { ball, box, simplex } from '../constraints';
import { implicitSGD } from '../descent';
import { adam, gradientDescent } from '../methods';
import type { LossProblem } from '../problems';
import { cg, eigenvalues, gmres, solveMany, trace } from '../solvers';
import type { NamedTensors } from '../spaces';
import { unrolled } from '../unrolling';
import { argmin, hypergradient, implicit, projectedStationarity, stationarity } from '.';

leaveOutOfQuickRun();

// Chromium brings a Vulkan driver that computes on the processor.
const software = '/usr/lib/chromium/vk_swiftshader_icd.json';
if (!process.env.VK_DRIVER_FILES && existsSync(software)) process.env.VK_DRIVER_FILES = software;
const gpu = needs('webgpu');

const x = () => tf.tensor2d([0.5, -1, 2, 0.3, 1.5, -0.7, -2, 0.1], [4, 2]);
const y = () => tf.tensor2d([1, -1, 0.5, 2], [4, 1]);
const errorOf = (w: tf.Tensor) => tf.mean(tf.square(tf.sub(tf.matMul(x(), w), y()))) as tf.Scalar;
const lossOf = ({ w }: NamedTensors) => {
  const outputs = tf.tanh(tf.matMul(x(), w!));
  return tf.mean(tf.square(tf.sub(outputs, y()))) as tf.Scalar;
};
const problem: LossProblem = {
  inner: ({ w }, { l }) =>
    tf.add(errorOf(w!), tf.mul(tf.exp(l!), tf.sum(tf.square(w!)))) as tf.Scalar,
  outer: ({ w }) => {
    markAuxiliary({ size: tf.sum(tf.square(w!)) });
    return tf.sum(tf.square(tf.sub(w!, 0.3))) as tf.Scalar;
  },
};
const w = () => ({ w: tf.tensor2d([0.4, -0.2], [2, 1]) });
const l = () => ({ l: tf.scalar(-1) });

type Numbers = () => Promise<(tf.Tensor | number)[]>;

/** What is computed, to be read without a synchronous read. */
const computations: Record<string, Numbers> = {
  projections: async () => {
    const point = () => tf.tensor1d([2, -1, 0.5]);
    const sets = [box({ lower: 0, upper: 1 }), simplex(), ball({ radius: 1 })];
    return sets.map((set) => set.project(point()));
  },
  'an implicit hypergradient, with what is marked': async () => {
    const { value, auxiliary } = await hypergradient(problem, w(), l(), implicit({ solver: cg() }));
    return [value.l!, auxiliary!.size!];
  },
  'learned rates, in reverse': async () => {
    const how = unrolled({ method: ({ rates }) => gradientDescent(tf.exp(rates!)), steps: 3 });
    const λ = { ...l(), rates: tf.tensor1d([-1, -2, -1.5]) };
    const { value } = await hypergradient(problem, w(), λ, how);
    return [value.l!, value.rates!];
  },
  'learned settings of Adam, forwards': async () => {
    const how = unrolled({
      method: ({ rate, β }) => adam(tf.exp(rate!), { beta1: tf.sigmoid(β!) }),
      steps: 2,
      mode: 'forward',
    });
    const λ = { ...l(), rate: tf.scalar(-2), β: tf.scalar(1) };
    const { value } = await hypergradient(problem, w(), λ, how);
    return [value.l!, value.rate!, value.β!];
  },
  'the derivative of a minimum': async () => {
    const loss = (v: tf.Tensor, θ: tf.Tensor) => tf.sum(tf.square(tf.sub(v, θ))) as tf.Scalar;
    const solution = argmin((θ: tf.Tensor) => θ.clone(), stationarity(loss), { solver: cg() });
    return [tf.grad((θ: tf.Tensor) => tf.sum(tf.square(solution(θ))))(tf.tensor1d([1, -2]))];
  },
  'the derivative of a minimum in a box': async () => {
    const loss = (v: tf.Tensor, θ: tf.Tensor) => tf.sum(tf.square(tf.sub(v, θ))) as tf.Scalar;
    const F = projectedStationarity(loss, box({ lower: 0, upper: 1 }), { step: 0.5 });
    const solution = argmin((θ: tf.Tensor) => tf.clipByValue(θ, 0, 1), F, { solver: gmres() });
    return [tf.grad((θ: tf.Tensor) => tf.sum(tf.square(solution(θ))))(tf.tensor1d([0.4, 3]))];
  },
  'eigenvalues and a trace': async () => {
    const H = hessian(lossOf, w());
    const { values } = await eigenvalues(H, { largest: 2 });
    const { value } = await trace(H, { probes: 2 });
    H.dispose();
    return [...values, value];
  },
  'several right-hand sides': async () => {
    const z = () => ({ w: tf.tensor2d([1, 2], [2, 1]) });
    const G = gaussNewton(
      {
        predict: ({ w }) => tf.tanh(tf.matMul(x(), w!)),
        loss: (z) => tf.mean(tf.square(tf.sub(z, y()))) as tf.Scalar,
      },
      w(),
    );
    const solutions = await solveMany(G, [z(), w()], { solver: cg({ damping: 0.5 }) });
    G.dispose();
    return solutions.map(({ value }) => value.w!);
  },
  'clipped steps on two batches': async () => {
    const v = tf.variable(w().w);
    const optimizer = implicitSGD(0.5, { clipNorm: 0.1 });
    await optimizer.step([() => lossOf({ w: v }), () => errorOf(v)], [v]);
    optimizer.dispose();
    return [v];
  },
};

async function read(compute: Numbers): Promise<number[]> {
  const found = await compute();
  const numbers: number[] = [];
  for (const value of found) {
    if (typeof value === 'number') numbers.push(value);
    else numbers.push(...(await value.data()));
  }
  return numbers;
}

/** Computes the same on cpu and on another backend. */
async function compare(compute: Numbers, useOther: () => Promise<unknown>): Promise<void> {
  await useBackend('cpu');
  const expected = await read(compute);
  await useOther();
  const found = await read(compute);
  expect(expected.every(Number.isFinite)).toBe(true);
  expect(found.length).toBe(expected.length);
  found.forEach((value, i) => {
    expect(Math.abs(value - expected[i]!)).toBeLessThan(2e-3 * (1 + Math.abs(expected[i]!)));
  });
}

describe.each([{ threads: 1 }, { threads: 1, blas: false }])('on wasm %o, as on cpu', (options) => {
  it.each(Object.entries(computations))('%s', (_, compute) =>
    compare(compute, () => useBackend('wasm', options)),
  );
});

describe.skipIf(!gpu.available)('on a GPU, without a synchronous read, as on cpu', () => {
  it.each(Object.entries(computations))('%s', (_, compute) =>
    compare(compute, () => useBackend('webgpu')),
  );
});
