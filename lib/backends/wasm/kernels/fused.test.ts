import * as tf from '@tensorflow/tfjs';
import { beforeAll, expect, test } from 'vitest';
import { useBackend } from '../..';

beforeAll(() => useBackend('wasm'));

const list = (x: tf.Tensor) => [...x.dataSync()];

test('fused convolutions with prelu are the convolution and then the slopes', () => {
  tf.tidy(() => {
    const x = tf.tensor4d([1, -2, 3, 4], [1, 2, 2, 1]);
    const filter = tf.tensor4d([1, 2], [1, 1, 1, 2]);
    const prelu = { strides: 1, pad: 'same', activation: 'prelu' } as const;
    const slopes = tf.tensor1d([0.5, 0.25]);
    const bias = tf.tensor1d([0, 1]);
    const fused = tf.fused.conv2d({ ...prelu, x, filter, bias, preluActivationWeights: slopes });
    expect(list(fused)).toEqual([1, 3, -1, -0.75, 3, 7, 4, 9]);
    const depthwise = tf.fused.depthwiseConv2d({
      ...prelu,
      x,
      filter: tf.tensor4d([2], [1, 1, 1, 1]),
      bias: tf.tensor1d([0]),
      preluActivationWeights: tf.tensor1d([0.5]),
    });
    expect(list(depthwise)).toEqual([2, -2, 6, 8]);
  });
});

test('a pool whose length is rounded up gives what cpu gives, beyond the image too', async () => {
  const run = () =>
    tf.tidy(() => {
      const x = tf.reshape(tf.range(0, 25), [1, 5, 5, 1]) as tf.Tensor4D;
      return [tf.maxPool(x, 2, 2, 1, 'ceil'), tf.avgPool(x, 2, 2, 1, 'ceil')].map(list);
    });
  await useBackend('cpu');
  const expected = run();
  await useBackend('wasm');
  expect(run()).toEqual(expected);
});
