import * as tf from '@tensorflow/tfjs';
import { afterAll, expect, it } from 'vitest';
import { hvp } from '../../autodiff';
import { implicitAdam } from '../../descent';
import { cg } from '../../solvers';
import { useBackend } from '..';
import type { Heap } from './kernels/heap';

afterAll(async () => void (await useBackend('cpu')));

/** Takes all memory below 2 GiB, without writing to it. */
function takeBelow({ wasm }: Heap): number[] {
  const taken: number[] = [];
  for (const size of [2 ** 27, 2 ** 20, 2 ** 12, 2 ** 6]) {
    do taken.push(wasm._malloc(size));
    while (taken.at(-1)! < 2 ** 31);
  }
  return taken;
}

const normal = (shape: number[], seed: number) => tf.randomNormal(shape, 0, 0.3, 'float32', seed);

/** Products of all kinds, convolutions, programs and steps. */
async function numbers(): Promise<number[]> {
  const found: number[] = [];
  const note = (x: tf.Tensor) => found.push(...x.dataSync());
  tf.tidy(() => {
    for (const [m, k, n] of [
      [1, 70, 50],
      [60, 300, 70],
      [4, 9000, 3],
    ] as const) {
      const [a, b] = [normal([k, m], 1), normal([n, k], 2)];
      note(tf.sum(tf.matMul(a, b, true, true), 1));
      note(tf.sum(tf.matMul(tf.transpose(a), tf.transpose(b)), 0));
    }
    const image = normal([2, 9, 9, 3], 3) as tf.Tensor4D;
    const [dx, df] = tf.grads((x, f) => tf.conv2d(x as tf.Tensor4D, f as tf.Tensor4D, 1, 'same'))([
      image,
      normal([3, 3, 3, 4], 4),
    ]);
    note(tf.sum(dx!, [0, 3]));
    note(df!);
  });
  const [x, v] = [normal([8, 60], 5), normal([60, 90], 6)];
  const w = tf.variable(normal([60, 90], 7));
  const loss = (w: tf.Tensor) => tf.mean(tf.square(tf.tanh(tf.matMul(x, w)))) as tf.Scalar;
  const product = hvp(({ w }) => loss(w!), { w }, { w: v });
  note(product.w!);
  const optimizer = implicitAdam('auto', { solver: cg({ maxIterations: 5 }) });
  for (let t = 0; t < 6; t++) await optimizer.step(() => tf.tidy(() => loss(w)), [w]);
  note(w);
  optimizer.dispose();
  tf.dispose([x, v, w, product]);
  return found;
}

it.each([true, false])(
  'numbers are the same beyond 2 GiB, with a library if there is one: %s',
  async (blas) => {
    await useBackend('wasm', { threads: 1, blas });
    const expected = await numbers();
    const heap = tf.backend() as Heap;
    const taken = takeBelow(heap);
    const found = await numbers();
    for (const at of taken) heap.wasm._free(at);
    // OpenBLAS rounds differently where rows begin at other places.
    const least = blas ? 1e-3 : 0;
    expect(found.length).toBe(expected.length);
    const differs = found.findIndex((x, i) => !(Math.abs(x - expected[i]!) <= least));
    expect(differs).toBe(-1);
  },
);

it('windows of a convolution are listed alike beyond 2 GiB', async () => {
  await useBackend('wasm', { threads: 1 });
  const heap = tf.backend() as Heap;
  const shape: [number, number, number, number] = [3, 4, 4, 2];
  const [x, filter] = [normal([3, 6, 6, 1], 1), normal([3, 3, 1, 2], 2)];
  const places = tf.reshape(tf.range(0, tf.util.sizeFromShape(shape), 1, 'int32'), shape);
  const slope = tf.step(normal(shape, 3));
  const attrs = { image: [6, 6, 1], outputs: [4, 4, 2], strides: [1, 1] };
  const listed = () => {
    const inputs = { places, slope, x, filter };
    const list = tf.engine().runKernel('WindowsAt', inputs, attrs) as tf.Tensor;
    const numbers = [...list.dataSync()];
    list.dispose();
    return numbers;
  };
  const expected = listed();
  const taken = takeBelow(heap);
  const found = listed();
  for (const at of taken) heap.wasm._free(at);
  tf.dispose([x, filter, places, slope]);
  expect(found).toEqual(expected);
});
