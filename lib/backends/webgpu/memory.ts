import { MemoryError } from '../../errors';
import { currentBackend } from '../engine';

interface WebgpuBackend {
  device: { limits: { maxBufferSize: number; maxStorageBufferBindingSize: number } };
  bufferManager: { acquireBuffer(size: number, ...rest: unknown[]): unknown };
}

/**
 * Refuses tensors that are larger than the largest buffer of the GPU.
 *
 * The stock backend goes on with a buffer that is not valid: what is computed of it is what some other tensor has left
 * in memory.
 */
export function refuseLargeBuffers(): void {
  const { device, bufferManager } = currentBackend<WebgpuBackend>();
  if (Object.hasOwn(bufferManager, 'acquireBuffer')) return;
  const { acquireBuffer } = bufferManager;
  const { maxBufferSize, maxStorageBufferBindingSize } = device.limits;
  const most = Math.min(maxBufferSize, maxStorageBufferBindingSize);
  bufferManager.acquireBuffer = (size, ...rest) => {
    if (size > most) {
      throw new MemoryError({
        given: `a tensor of ${size.toLocaleString('en')} bytes`,
        expected: `${most.toLocaleString('en')} bytes at most, as this GPU has in one buffer`,
        remedy: "Compute it in pieces, or use `useBackend('wasm')`.",
      });
    }
    return acquireBuffer.call(bufferManager, size, ...rest);
  };
}
