import * as tf from '@tensorflow/tfjs';
import { DeviceLostError } from '../../errors';
import { currentBackend, engine } from '../engine';

/** What is used of a `GPUDevice`. */
interface Device {
  lost: Promise<{ reason?: string; message?: string }>;
  addEventListener(type: 'uncapturederror', hear: (event: { error: object }) => void): void;
}

/** The parts of the backend through which everything reaches the GPU. */
interface WebgpuBackend {
  device: Device;
  runWebGPUProgram(...given: unknown[]): unknown;
  uploadToGPU(id: object): unknown;
  getBufferData(buffer: unknown): Promise<ArrayBuffer>;
}

/** How long after a failure the lost device may be reported. */
const PATIENCE_MS = 200;

/** Backends whose device is gone or has no memory left, with why. */
const lost = new WeakMap<object, string>();

/**
 * Lets each use of the current webgpu backend throw once its device is lost, as when a driver was reset, or has no
 * memory left: the stock backend goes on, and returns zeros or fails within the driver.
 */
export function watchDevice(): void {
  const backend = currentBackend<WebgpuBackend>();
  if (Object.hasOwn(backend, 'runWebGPUProgram')) return;
  const gone = backend.device.lost.then(({ reason, message }) => {
    lost.set(backend, message || reason || 'no reason was given');
  });
  // Tensors without memory cannot be distinguished from others, which may receive their buffers next.
  backend.device.addEventListener('uncapturederror', ({ error }) => {
    if (error.constructor.name !== 'GPUOutOfMemoryError' || lost.has(backend)) return;
    lost.set(backend, 'it has no memory left');
  });
  const use = (): void => {
    const reason = lost.get(backend);
    if (reason !== undefined) throw errorOf(reason);
  };
  const { runWebGPUProgram, uploadToGPU, getBufferData } = backend;
  backend.runWebGPUProgram = (...given) => {
    use();
    return Reflect.apply(runWebGPUProgram, backend, given);
  };
  backend.uploadToGPU = (id) => {
    use();
    return uploadToGPU.call(backend, id);
  };
  backend.getBufferData = async (buffer) => {
    use();
    try {
      const data = await getBufferData.call(backend, buffer);
      use();
      return data;
    } catch (error) {
      await Promise.race([gone, new Promise((done) => setTimeout(done, PATIENCE_MS))]);
      use();
      throw error;
    }
  };
}

/** Forgets a backend whose device is lost, so that another one is made. */
export function forgetLostDevice(): void {
  const { webgpu: backend } = engine().registry;
  if (!backend || !lost.has(backend)) return;
  const factory = tf.findBackendFactory('webgpu');
  tf.removeBackend('webgpu');
  tf.registerBackend('webgpu', factory, 3);
}

const errorOf = (reason: string): DeviceLostError =>
  new DeviceLostError({
    given: `a GPU that was lost (${reason})`,
    expected: 'a GPU that computes',
    remedy:
      "Its tensors are gone. Call `await useBackend('webgpu')` for a new start, or `useBackend('wasm')`, and run the cells again that made them.",
  });
