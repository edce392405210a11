import * as tf from '@tensorflow/tfjs';
import { afterAll, describe, expect, test } from 'vitest';
import { hessian, valueAndGradient } from '../../autodiff';
import { freePrograms } from '../../autodiff/traced';
import { random } from '../../numbers';
import { useBackend } from '..';

const modes = ['floor', 'round', 'ceil'] as const;

const volumes = (x: tf.Tensor) => tf.reshape(x, [1, 6, 6, 2, 1]) as tf.Tensor5D;
const images = (x: tf.Tensor) => tf.reshape(x, [1, 6, 12, 1]) as tf.Tensor4D;

type Mode = (typeof modes)[number];
const pools: Record<string, (x: tf.Tensor, mode: Mode) => tf.Tensor> = {
  'maxima of images': (x, mode) => tf.maxPool(images(x), 3, 2, 0, mode),
  'maxima of images in a margin': (x, mode) => tf.maxPool(images(x), 3, 2, 1, mode),
  'maxima in a row': (x, mode) => tf.maxPool(images(x), [1, 2], 1, 0, mode),
  'means of images': (x, mode) => tf.avgPool(images(x), 3, 2, 1, mode),
  'maxima of volumes': (x, mode) => tf.maxPool3d(volumes(x), [3, 3, 1], [2, 2, 1], 0, mode),
  'maxima of a cube': (x, mode) => tf.maxPool3d(volumes(x), 2, 2, 0, mode),
};

describe.each(['cpu', 'wasm'] as const)('on %s', (backend) => {
  afterAll(() => useBackend('wasm', { threads: 1 }));

  describe.each(modes)('with lengths rounded by %s', (mode) => {
    test.each(Object.keys(pools))('the derivatives of %s are differences', async (name) => {
      await useBackend(backend, backend === 'wasm' ? { threads: 1 } : {});
      freePrograms();
      const pool = pools[name]!;
      const source = random(7);
      const [at, along] = [source.normals(72), source.normals(72)].map((list) =>
        Float32Array.from(list),
      ) as [Float32Array, Float32Array];
      const loss = ({ x }: { x?: tf.Tensor }) =>
        tf.sum(tf.square(tf.add(pool(x!, mode), 2))) as tf.Scalar;
      const slope = (values: Float32Array) =>
        tf.tidy(() => [
          ...valueAndGradient(loss, { x: tf.tensor1d(values) }).gradient.x!.dataSync(),
        ]);
      const valueAt = (values: Float32Array) =>
        tf.tidy(() => loss({ x: tf.tensor1d(values) }).dataSync()[0]!);
      const moved = (by: number) => at.map((x, i) => x + by * along[i]!);
      // Small enough that no other place becomes a maximum.
      const h = 1e-3;
      const rate = (valueAt(moved(h)) - valueAt(moved(-h))) / (2 * h);
      const [after, before] = [slope(moved(h)), slope(moved(-h))];
      // Programs are made the second time.
      for (let i = 0; i < 3; i++) {
        const gradient = slope(at);
        const found = gradient.reduce((sum, g, j) => sum + g * along[j]!, 0);
        expect(Math.abs(found - rate)).toBeLessThan(0.02 * (1 + Math.abs(rate)));
        const product = tf.tidy(() => {
          const H = hessian(loss, { x: tf.tensor1d(at) });
          const Hv = [...H.apply({ x: tf.tensor1d(along) }).x!.dataSync()];
          H.dispose();
          return Hv;
        });
        product.forEach((y, j) => {
          expect(Math.abs(y - (after[j]! - before[j]!) / (2 * h))).toBeLessThan(0.02);
        });
      }
    });
  });
});
