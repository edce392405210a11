import { existsSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import { afterEach, describe, expect, it } from 'vitest';
import { needs } from '../../../test/needs';
import { DeviceLostError, MemoryError } from '../../errors';
import { useBackend } from '..';

// Chromium brings a Vulkan driver that computes on the processor.
const software = '/usr/lib/chromium/vk_swiftshader_icd.json';
if (!process.env.VK_DRIVER_FILES && existsSync(software)) process.env.VK_DRIVER_FILES = software;
const gpu = needs('webgpu');

interface Device extends EventTarget {
  destroy(): void;
  limits: { maxBufferSize: number };
}
const device = () => (tf.backend() as unknown as { device: Device }).device;
const numbers = async () => {
  const x = tf.square(tf.tensor1d([1, 2, 3]));
  return [...(await x.data())];
};

describe.skipIf(!gpu.available)('a GPU that is lost', () => {
  afterEach(async () => void (await useBackend('cpu')));

  it('lets what runs on it throw, until a new one is asked for', async () => {
    await useBackend('webgpu');
    expect(await numbers()).toEqual([1, 4, 9]);
    const kept = tf.square(tf.tensor1d([1, 2]));
    device().destroy();
    await expect(kept.data()).rejects.toThrow(DeviceLostError);
    await expect(numbers()).rejects.toThrow(/lost \(.*destroy.*\).*useBackend\('webgpu'\)/i);
    expect(() => kept.dispose()).not.toThrow();

    await useBackend('webgpu');
    expect(await numbers()).toEqual([1, 4, 9]);
  });

  it('is one that has no memory left, once that is told', async () => {
    await useBackend('webgpu');
    const kept = tf.square(tf.tensor1d([1, 2]));
    class GPUOutOfMemoryError {}
    const told = new Event('uncapturederror');
    device().dispatchEvent(Object.assign(told, { error: new GPUOutOfMemoryError() }));
    await expect(kept.data()).rejects.toThrow(DeviceLostError);
    expect(() => tf.square(tf.tensor1d([1]))).toThrow(/no memory left/);

    await useBackend('webgpu');
    expect(await numbers()).toEqual([1, 4, 9]);
  });

  it('is not one that is asked for a tensor larger than it can hold: that is refused', async () => {
    await useBackend('webgpu');
    const times = device().limits.maxBufferSize / (1024 * Float32Array.BYTES_PER_ELEMENT) + 1;
    expect(() => tf.tile(tf.ones([1024]), [times])).toThrow(MemoryError);
    expect(await numbers()).toEqual([1, 4, 9]);
  });

  it('leaves other backends as they are', async () => {
    await useBackend('webgpu');
    device().destroy();
    await expect(numbers()).rejects.toThrow(DeviceLostError);
    await useBackend('cpu');
    expect(await numbers()).toEqual([1, 4, 9]);
  });
});
