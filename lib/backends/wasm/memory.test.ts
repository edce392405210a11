import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { MemoryError } from '../../errors';
import { useBackend } from '..';

describe('wasm without memory left', () => {
  beforeAll(async () => void (await useBackend('wasm', { threads: 1 })));
  afterAll(async () => void (await useBackend('cpu')));

  it('throws, says how much tensors hold, and goes on once they are disposed of', async () => {
    const printed = vi.spyOn(console, 'error').mockImplementation(() => {});
    const warned = vi.spyOn(console, 'warn').mockImplementation(() => {});
    const before = tf.memory().numTensors;
    const made: tf.Tensor[] = [];
    // Their memory is never written to, so that it is not taken from the machine.
    const fill = () => {
      for (let i = 0; i < 40; i++) made.push(emptied(2 ** 25));
    };
    expect(fill).toThrow(MemoryError);
    expect(fill).toThrow(/0\.13 GB more than the \d\.\d GB that tensors hold.*tf\.dispose/);
    expect(made.length).toBeGreaterThan(10);
    tf.dispose(made);
    expect(tf.memory().numTensors).toBe(before);
    expect([...(await tf.ones([3]).data())]).toEqual([1, 1, 1]);
    expect(printed).not.toHaveBeenCalled();
    expect(warned).not.toHaveBeenCalled();
  });
});

/** A tensor of `size` entries that nothing has been written to. */
function emptied(size: number): tf.Tensor {
  const backend = tf.backend() as unknown as {
    makeOutput(shape: number[], dtype: string): tf.TensorInfo;
  };
  const info = backend.makeOutput([size], 'float32');
  return tf.engine().makeTensorFromTensorInfo(info);
}
