import * as tf from '@tensorflow/tfjs';
import { describe, expect, test } from 'vitest';
import { hessian, valueAndGradient } from '../../autodiff';
import type { NamedTensors } from '../../spaces';
import { useBackend } from '..';

const list = (x: tf.Tensor) => [...x.dataSync()];

describe.each(['cpu', 'wasm'] as const)('on %s', (backend) => {
  test('the derivative of |x| is 0 at 0: on an L1 penalty nothing moves from there', async () => {
    await useBackend(backend);
    const penalty = ({ w }: NamedTensors) => tf.sum(tf.abs(w!)) as tf.Scalar;
    tf.tidy(() => {
      const w = tf.tensor1d([0, -0, 3, -1e-30, -2]);
      const expected = [0, 0, 1, -1, -1];
      expect(list(tf.grad((x) => tf.sum(tf.abs(x)))(w)).map((s) => s + 0)).toEqual(expected);
      for (let i = 0; i < 3; i++) {
        expect(list(valueAndGradient(penalty, { w }).gradient.w!).map((s) => s + 0)).toEqual(
          expected,
        );
        const H = hessian(({ w }) => tf.square(penalty({ w: w! })), { w });
        expect(list(H.apply({ w: tf.ones([5]) }).w!).map((s) => s + 0)).toEqual(
          expected.map((s) => -2 * s + 0),
        );
        H.dispose();
      }
    });
  });
});
