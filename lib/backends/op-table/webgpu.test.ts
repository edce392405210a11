import { existsSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import { expect, test } from 'vitest';
import { needs } from '../../../test/needs';
import { random } from '../../numbers';
import { tensors } from '../../spaces';
import { useBackend } from '..';
import { opTable } from '.';
import { compareWithCpu, emptyShapesOf, typesOf } from './columns';
import { compare, cpuAnswers, oneOfEachOp } from './compare';
import { leaks } from './leaks';
import { randomCalls } from './random-calls';
import { type Answer, answer, type TypedCall } from './typed';

// Chromium brings a Vulkan driver that computes on the processor.
const software = '/usr/lib/chromium/vk_swiftshader_icd.json';
if (!process.env.VK_DRIVER_FILES && existsSync(software)) process.env.VK_DRIVER_FILES = software;
const gpu = needs('webgpu');
const time = needs('time');
/** With `FULL=1` every way of calling each op is compared, and fourteen times as many types and shapes. */
const full = needs('full').available;

test.skipIf(!gpu.available || !time.available)(
  'webgpu gives the values, gradients and Hessian products that cpu gives, and leaks nothing',
  async () => {
    const answers = await cpuAnswers(full ? opTable : oneOfEachOp());
    const report = await useBackend('webgpu');
    expect(tensors.readableNow()).toBe(false);
    const before = tf.memory();
    const comparisons = await compare(answers);
    const refused = comparisons.filter((c) => c.refusal);
    const wrong = comparisons.filter((c) => !(c.error < 1e-3));
    console.log(
      `op table on webgpu (${report.device}): ` +
        `${comparisons.length - refused.length - wrong.length} calls as on cpu; refused: ` +
        refused.map((c) => `${c.name} (${c.refusal})`).join('; '),
    );
    expect(wrong).toEqual([]);
    expect(refused.map((c) => c.name)).toEqual(['bitwiseAnd']);
    expect(tf.memory().numTensors).toBe(before.numTensors);
    expect(tf.memory().numBytes).toBe(before.numBytes);
  },
);

test.skipIf(!gpu.available)('a tensor on a GPU is not read at once', async () => {
  await useBackend('webgpu');
  const x = tf.square(tf.scalar(3)) as tf.Scalar;
  expect(() => tensors.readSync([x])).toThrow(/webgpu/);
  expect((await x.data())[0]).toBe(9);
  x.dispose();
});

test.skipIf(!gpu.available || !time.available)(
  'many Hessian products leak no tensor and no byte',
  async () => {
    await useBackend('webgpu');
    expect(await leaks()).toEqual({ tensors: 0, bytes: 0 });
  },
);

// Drivers differ in the logarithm of 0 and in which of equal maxima they name; complex numbers are
// left as they are.
const aside = /^(log|pow|maxPoolWithArgmax|complex|real|imag|i?r?fft|signal\.stft)\b/;

/** What webgpu refuses, with an error. */
const refusal = /on webgpu|not registered for backend|does not support|must be float32/;

test.skipIf(!gpu.available || !time.available)(
  'webgpu gives what cpu gives for every type and empty shape, or refuses',
  async () => {
    const source = random(5);
    const every = (calls: TypedCall[], step: number) => calls.filter((_, i) => i % step === 0);
    const step = full ? 3 : 42;
    const calls = [
      ...every(opTable.flatMap(typesOf), step),
      ...every(opTable.flatMap(emptyShapesOf), step),
      // A shader may take for granted that no number is NaN, and adds integers as numbers.
      ...randomCalls(() => source.uniform(), 3, false),
    ];
    await useBackend('cpu');
    const answers: [TypedCall, Answer][] = [];
    for (const c of calls) if (!aside.test(c.name)) answers.push([c, await answer(c)]);
    await useBackend('webgpu');
    const outcome = await compareWithCpu(answers, 1e-3, refusal);
    expect(outcome.wrong).toEqual([]);
    expect(outcome.tensors).toBe(0);
  },
);

const unary = {
  acosh: tf.acosh,
  asinh: tf.asinh,
  atanh: tf.atanh,
  cosh: tf.cosh,
  elu: tf.elu,
  'exp of a NaN that was computed': (x: tf.Tensor) => tf.exp(tf.sigmoid(x)),
  expm1: (x: tf.Tensor) => tf.expm1(x),
  'expm1 of a NaN that was computed': (x: tf.Tensor) => tf.expm1(tf.sigmoid(x)),
  log1p: tf.log1p,
  relu: tf.relu,
  relu6: tf.relu6,
  selu: tf.selu,
  sigmoid: tf.sigmoid,
  sinh: tf.sinh,
  softplus: tf.softplus,
  clipByValue: (x: tf.Tensor) => tf.clipByValue(x, -1, 1),
  log: (x: tf.Tensor) => tf.log(tf.abs(x)),
  'log of a NaN that was computed': (x: tf.Tensor) => tf.log(tf.add(tf.sigmoid(x), 1.5)),
  softmax: (x: tf.Tensor) => tf.softmax(tf.reshape(x, [3, 4])),
  localResponseNormalization: (x: tf.Tensor) =>
    tf.localResponseNormalization(tf.reshape(x, [1, 1, 1, 12]) as tf.Tensor4D, 1, 1, 1, 0.75),
  maximum: (x: tf.Tensor) => tf.maximum(x, 0),
  minimum: (x: tf.Tensor) => tf.minimum(1, x),
  fused: (x: tf.Tensor) =>
    tf.fused.matMul({ a: tf.reshape(x, [-1, 1]), b: tf.ones([1, 1]), activation: 'sigmoid' }),
};

test.skipIf(!gpu.available || !time.available).each(Object.entries(unary))(
  'on webgpu %s keeps a NaN, and the digits of small and large numbers',
  async (_, f) => {
    const xs = [Number.NaN, 1e-8, -1e-8, -1e-3, 0.2, -0.5, 3, -20, -1e6, 1e6, 1, 1.5];
    const run = async () => {
      const y = tf.tidy(() => f(tf.tensor1d(xs)));
      const values = [...(await y.data())];
      y.dispose();
      return values;
    };
    await useBackend('cpu');
    const expected = await run();
    await useBackend('webgpu');
    const found = await run();
    found.forEach((value, i) => {
      const wanted = expected[i]!;
      if (Number.isFinite(wanted) && wanted !== 0) expect(value / wanted).toBeCloseTo(1, 4);
      else if (wanted === 0) expect(value).toBeCloseTo(0, 6);
      else expect(value).toBe(wanted);
    });
  },
);

test.skipIf(!gpu.available || !time.available)(
  'on webgpu functions of angles, tanh and log keep nearly all digits, at any size',
  async () => {
    const small = [
      0, 1e-30, 1e-8, 1e-3, 0.15, 0.3, 0.41, 0.5, 0.7, 0.78, 0.79, 0.999, 0.9999999, 1,
    ];
    const large = [1.0000001, 1.2, 2, Math.PI, 10, 99.9, 1e3, 4095.9, 4096.1, 5e4, 1e8, 1e20, 3e38];
    const both = (xs: number[]) => [...xs, ...xs.map((x) => -x), Number.NaN];
    const infinities = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    const anywhere = [...both([...small, ...large]), ...infinities];
    const cases: [(x: tf.Tensor) => tf.Tensor, (x: number) => number, number[]][] = [
      [tf.sin, Math.sin, anywhere],
      [tf.cos, Math.cos, anywhere],
      [tf.tan, Math.tan, anywhere],
      [tf.tanh, Math.tanh, anywhere],
      [tf.atan, Math.atan, anywhere],
      [tf.asin, Math.asin, both([...small, 2])],
      [tf.acos, Math.acos, both([...small, 2])],
      [tf.log, Math.log, [...small.slice(1), ...large]],
    ];
    await useBackend('webgpu');
    for (const [f, exact, xs] of cases) {
      const y = tf.tidy(() => f(tf.tensor1d(xs)));
      const found = await y.data();
      y.dispose();
      xs.forEach((x, i) => {
        const expected = exact(Math.fround(x));
        if (Number.isNaN(expected)) expect(found[i]).toBeNaN();
        else if (expected === 0) expect(found[i]).toBeCloseTo(0, 12);
        else expect(Math.abs(found[i]! / expected - 1), `${f.name} of ${x}`).toBeLessThan(1e-6);
      });
    }
  },
);

test.skipIf(!gpu.available)(
  'on webgpu powers of 0, and which numbers occur, are those of cpu',
  async () => {
    const powers = () => {
      const base = tf.tensor1d([-2, -2, 0, 0, 0, 4, Number.NaN, Number.NaN, 2]);
      return tf.pow(base, tf.tensor1d([3, 0.5, 0, -1, 2.5, -0.5, 1, 0, Number.NaN]));
    };
    const occur = () =>
      tf.denseBincount(
        tf.tensor2d([1, 1, 3, 0, 2, 2], [2, 3], 'int32'),
        tf.tensor2d([], [0, 0]),
        4,
        true,
      );
    const run = async (f: () => tf.Tensor) => {
      const y = tf.tidy(f);
      const values = [...(await y.data())];
      y.dispose();
      return values;
    };
    await useBackend('cpu');
    const expected = [await run(powers), await run(occur)];
    await useBackend('webgpu');
    (await run(powers)).forEach((value, i) => {
      const wanted = expected[0]![i]!;
      if (Number.isFinite(wanted)) expect(value).toBeCloseTo(wanted, 5);
      else expect(value).toBe(wanted);
    });
    expect(await run(occur)).toEqual(expected[1]);
    await useBackend('cpu');
    const far = await run(() => tf.pow(tf.tensor2d([0, 3], [2, 1]), tf.tensor1d([-1, -2, 1])));
    await useBackend('webgpu');
    const found = await run(() => tf.pow(tf.tensor2d([0, 3], [2, 1]), tf.tensor1d([-1, -2, 1])));
    far.forEach((value, i) => {
      if (Number.isFinite(value)) expect(found[i]).toBeCloseTo(value, 5);
      else expect(found[i]).toBe(value);
    });
  },
);
