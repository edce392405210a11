import { DisposedError } from '../../errors';
import type { Heap } from './kernels/heap';

/**
 * Lets tensors of a backend that was disposed say so, as by `tf.removeBackend` or a reset of the engine:
 * TensorFlow.js has a TypeError for who reads them, and for who disposes of them.
 */
export function refuseRemoved(heap: Heap): void {
  const refuse = (): never => {
    throw new DisposedError({
      given: 'a tensor, or something made of tensors, of a wasm backend that was removed',
      expected: 'tensors of a backend that is there',
      remedy: 'Make it again: what was on the backend has gone with it.',
    });
  };
  const gone = {
    get HEAPU8() {
      return refuse();
    },
    get asm() {
      return refuse();
    },
    _malloc: refuse,
    _free() {},
    tfjs: { disposeData() {}, dispose() {}, registerTensor: refuse },
  };
  Object.assign(heap, { wasm: gone });
}
