import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { needs } from '../../../test/needs';
import { random } from '../../numbers';
import { type BackendName, type BackendOptions, useBackend } from '..';

const blas = needs('blas');
const n = 200_000;
const stream = random(3);
/** Numbers of one sign, whose sum in float32, one by one, is off by 1e-3 and more. */
const values = (count: number) =>
  Float32Array.from({ length: count }, () => 200 + stream.uniform());
const [left, right] = [values(3 * n), values(2 * n)];
const addend = Float32Array.from([1e6, 2e6, 3e6, 4e6, 5e6, 6e6]);

/** `Σₖ a[i, k] b[j, k]` in float64. */
function exact(a: Float32Array, b: Float32Array, inner: number): number[] {
  const sums: number[] = [];
  for (let i = 0; i < a.length / inner; i++) {
    for (let j = 0; j < b.length / inner; j++) {
      let sum = 0;
      for (let k = 0; k < inner; k++) sum += a[i * inner + k]! * b[j * inner + k]!;
      sums.push(sum);
    }
  }
  return sums;
}

const products = exact(left, right, n);
const sumOf = (x: Float32Array) => x.reduce((sum, value) => sum + value, 0);

async function expectNear(f: () => tf.Tensor, expected: number[]): Promise<void> {
  const before = tf.memory().numTensors;
  const y = tf.tidy(f);
  const found = [...(await y.data())];
  y.dispose();
  expect(tf.memory().numTensors).toBe(before);
  expect(found.length).toBe(expected.length);
  const errors = found.map((value, i) => Math.abs(value / expected[i]! - 1));
  expect(Math.max(...errors)).toBeLessThan(1e-6);
}

const backends: [BackendName, BackendOptions][] = [
  ['cpu', {}],
  ['wasm', { threads: 1, blas: false }],
  ['wasm', { threads: 1, blas: true }],
];

describe.each(backends)('on %s, %o, sums of 200,000 terms keep their digits', (name, options) => {
  const skipped = options.blas === true && !blas.available;
  beforeAll(async () => {
    if (!skipped) await useBackend(name, options);
  });

  it.skipIf(skipped).each([
    [false, false],
    [true, false],
    [false, true],
    [true, true],
  ])('in products of matrices, transposed: %s, %s', async (ta, tb) => {
    const product = () => {
      const [a, b] = [tf.tensor2d(left, [3, n]), tf.tensor2d(right, [2, n])];
      return tf.matMul(ta ? tf.transpose(a) : a, tb ? b : tf.transpose(b), ta, tb);
    };
    await expectNear(product, products);
  });

  it.skipIf(skipped)('in each product of a batch, and of one matrix for all', async () => {
    const half = n / 2;
    const a = () => tf.tensor3d(left.subarray(0, 2 * n), [2, 2, half]);
    const batches = [0, 1].map((i) => left.subarray(i * n, (i + 1) * n));
    const b = (i: number) => right.subarray(i * n, (i + 1) * n);
    await expectNear(
      () => tf.matMul(a(), tf.tensor3d(right, [2, 2, half]), false, true),
      [0, 1].flatMap((i) => exact(batches[i]!, b(i), half)),
    );
    await expectNear(
      () => tf.matMul(a(), tf.tensor3d(b(0), [1, 2, half]), false, true),
      [0, 1].flatMap((i) => exact(batches[i]!, b(0), half)),
    );
  });

  it.skipIf(skipped)('in inner products, sums and means', async () => {
    const [x, y] = [left.subarray(0, n), right.subarray(0, n)];
    const dot = exact(x, y, n);
    await expectNear(() => tf.dot(tf.tensor1d(x), tf.tensor1d(y)), dot);
    await expectNear(() => tf.einsum('i,i->', tf.tensor1d(x), tf.tensor1d(y)), dot);
    await expectNear(() => tf.sum(tf.tensor1d(x)), [sumOf(x)]);
    await expectNear(() => tf.mean(tf.tensor2d(x, [n, 1]), 0), [sumOf(x) / n]);
  });

  it.skipIf(skipped)('with a bias, and relu after it', async () => {
    const f = () =>
      tf.fused.matMul({
        a: tf.tensor2d(left, [3, n]),
        b: tf.tensor2d(right, [2, n]),
        transposeB: true,
        bias: tf.tensor1d(addend.subarray(0, 2)),
        activation: 'relu',
      });
    await expectNear(
      f,
      products.map((sum, i) => sum + addend[i % 2]!),
    );
  });

  it.skipIf(skipped).each([
    ['relu6', 1e-9],
    ['elu', 1e-9],
    ['sigmoid', -1e-9],
    ['leakyrelu', -1e-9],
    ['prelu', -1e-9],
    ['linear', -1e-9],
  ] as const)('with %s after it', async (activation, unit) => {
    const [a, b] = [tf.tensor2d(left, [3, n]), tf.mul(tf.tensor2d(right, [2, n]), unit)];
    const slopes = tf.tensor1d([0.25, 0.5]);
    const y = tf.fused.matMul({
      a,
      b: b as tf.Tensor2D,
      transposeB: true,
      activation,
      leakyreluAlpha: 0.125,
      preluActivationWeights: slopes,
    });
    const of: Record<typeof activation, (x: number, column: number) => number> = {
      relu6: (x) => Math.min(Math.max(x, 0), 6),
      elu: (x) => (x < 0 ? Math.expm1(x) : x),
      sigmoid: (x) => 1 / (1 + Math.exp(-x)),
      leakyrelu: (x) => (x < 0 ? 0.125 * x : x),
      prelu: (x, column) => (x < 0 ? [0.25, 0.5][column]! * x : x),
      linear: (x) => x,
    };
    const found = await y.data();
    products.forEach((sum, i) => {
      const expected = of[activation](sum * unit, i % 2);
      expect(Math.abs(found[i]! / expected - 1)).toBeLessThan(1e-5);
    });
    tf.dispose([a, b, slopes, y]);
  });

  const added = name === 'cpu' ? undefined : it.skipIf(skipped);
  // Only the wasm backend has the kernel.
  added?.('where they are added to a matrix', async () => {
    const f = () =>
      tf.engine().runKernel(
        'MatMulAdd',
        {
          a: tf.tensor2d(left, [3, n]),
          b: tf.tensor2d(right, [2, n]),
          addend: tf.tensor2d(addend, [3, 2]),
        },
        { transposeA: false, transposeB: true },
      ) as tf.Tensor;
    await expectNear(
      f,
      products.map((sum, i) => sum + addend[i]!),
    );
  });

  it.skipIf(skipped)('in the derivatives for filters, and in averages', async () => {
    const x = left.subarray(0, 90_000);
    const image = () => tf.tensor4d(x, [1, 300, 300, 1]);
    const filter = () => tf.ones([1, 1, 1, 1]) as tf.Tensor4D;
    await expectNear(
      () =>
        tf.grad((w: tf.Tensor) => tf.sum(tf.conv2d(image(), w as tf.Tensor4D, 1, 'valid')))(
          filter(),
        ),
      [sumOf(x)],
    );
    await expectNear(
      () =>
        tf.grad((w: tf.Tensor) =>
          tf.sum(tf.depthwiseConv2d(image(), w as tf.Tensor4D, 1, 'valid')),
        )(filter()),
      [sumOf(x)],
    );
    await expectNear(() => tf.avgPool(image(), 300, 1, 'valid'), [sumOf(x) / x.length]);
  });

  it.skipIf(skipped)('in the derivative of gather', async () => {
    const x = left.subarray(0, n);
    const places = () => tf.zeros([n], 'int32') as tf.Tensor1D;
    const f = () =>
      tf.grad((p: tf.Tensor) => tf.sum(tf.mul(tf.tensor1d(x), tf.gather(p, places()))))(
        tf.ones([1]),
      );
    await expectNear(f, [sumOf(x)]);
  });
});
