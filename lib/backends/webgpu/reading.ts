import type * as tf from '@tensorflow/tfjs';
import { UnsupportedError } from '../../errors';
import { currentBackend } from '../engine';

/** What the backend keeps of a tensor: numbers that were read or not yet sent, or a buffer of the GPU. */
interface Data {
  values: unknown;
  dtype: tf.DataType;
  complexTensorInfos?: { real: tf.TensorInfo; imag: tf.TensorInfo };
}

interface WebgpuBackend {
  tensorMap: { get(id: object): Data };
  readSync(id: object): tf.BackendValues;
}

/**
 * Refuses to read numbers from the GPU without waiting.
 *
 * The stock backend draws them on a canvas. A worker without a screen gets zeros from it, and then a
 * lost device; Node.js has no canvas. Numbers that are in memory are returned as before.
 */
export function refuseSynchronousReads(): void {
  const backend = currentBackend<WebgpuBackend>();
  if (Object.hasOwn(backend, 'readSync')) return;
  const stock = backend.readSync;
  const isInMemory = (id: object): boolean => {
    const { values, dtype, complexTensorInfos } = backend.tensorMap.get(id);
    if (values !== null && values !== undefined) return true;
    if (dtype === 'string') return true;
    const parts = complexTensorInfos;
    return parts !== undefined && isInMemory(parts.real.dataId) && isInMemory(parts.imag.dataId);
  };
  backend.readSync = function (this: WebgpuBackend, id) {
    if (isInMemory(id)) return stock.call(this, id);
    throw new UnsupportedError({
      given: 'dataSync(), arraySync() or print() of a tensor on webgpu',
      expected: 'numbers to be waited for',
      remedy: 'Use `await x.data()` or `await x.array()`.',
    });
  };
}
