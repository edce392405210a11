import * as tf from '@tensorflow/tfjs';
import { beforeEach, describe, expect, it } from 'vitest';
import { compiledMap, hessian, valueAndGradient } from '../../autodiff';
import { implicitAdam } from '../../descent';
import { DisposedError } from '../../errors';
import type { NamedTensors } from '../../spaces';
import { useBackend } from '../use-backend';

/** A loss of data made here, its curvature, a map and an optimizer, each used before. */
async function things() {
  const X = tf.tensor2d([1, 2, 3, 4, 5, 6], [3, 2]);
  const loss = ({ w }: NamedTensors) =>
    tf.sum(tf.square(tf.matMul(X, w as tf.Tensor2D))) as tf.Scalar;
  const w = { w: tf.tensor2d([1, -1], [2, 1]) };
  const H = hessian(loss, w);
  const product = H.apply(w).w!.dataSync();
  const map = compiledMap((w: tf.Tensor) => tf.matMul(X, w as tf.Tensor2D));
  map(w.w).dispose();
  const optimizer = implicitAdam(0.1);
  const variable = tf.variable(w.w.clone());
  await optimizer.step(() => loss({ w: variable }), [variable]);
  return { loss, w, H, product, map, optimizer };
}

const ways: Record<string, () => void> = {
  removed() {
    const factory = tf.findBackendFactory('wasm');
    tf.removeBackend('wasm');
    tf.registerBackend('wasm', factory, 2);
  },
  reset: () => tf.engine().reset(),
};

describe.each(Object.entries(ways))('a wasm backend that was %s', (_, remove) => {
  beforeEach(async () => {
    await useBackend('wasm', { threads: 1 });
  });

  it('starts again, and computes what it did', async () => {
    const before = await things();
    remove();
    await useBackend('wasm', { threads: 1 });
    expect([...(await things()).product]).toEqual([...before.product]);
  });

  it('has tensors that are refused by an error that says so, and can be disposed of', async () => {
    const { loss, w, H, map, optimizer } = await things();
    remove();
    await useBackend('wasm', { threads: 1 });
    const now = { w: tf.tensor2d([1, -1], [2, 1]) };
    const calls = [
      () => hessian(loss, now),
      () => hessian(({ w }) => tf.sum(tf.square(w!)) as tf.Scalar, w),
      () => valueAndGradient(loss, now),
      () => map(now.w),
      () => map(w.w),
    ];
    for (const call of calls) expect(call, `${call}`).toThrow(DisposedError);
    H.dispose();
    optimizer.dispose();
    map.free();
    w.w.dispose();
  });
});
