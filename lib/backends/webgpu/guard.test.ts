import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { needs } from '../../../test/needs';
import { UnsupportedError } from '../../errors';
import { useBackend } from '../use-backend';

const webgpu = needs('webgpu');

describe.skipIf(!webgpu.available)('on webgpu', () => {
  it('sums of segments are of float32, or refused', async () => {
    await useBackend('webgpu');
    const ids = tf.tensor1d([0, 1, 0], 'int32');
    const sums = (dtype: 'float32' | 'int32') =>
      tf.unsortedSegmentSum(tf.tensor1d([1, 2, 3], dtype), ids, 2);
    expect([...(await sums('float32').data())]).toEqual([4, 2]);
    expect(() => sums('int32')).toThrow(UnsupportedError);
  });
});
