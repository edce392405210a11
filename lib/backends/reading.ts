import * as tf from '@tensorflow/tfjs';
import { UnsupportedError } from '../errors';

/** Backends whose tensors lie in this process's memory. */
const inMemory = new Set(['cpu', 'wasm', 'tensorflow']);

/**
 * Whether tensors of the current backend may be read without waiting.
 *
 * True on cpu, wasm and tensorflow. False on a GPU, where a synchronous read would stall the
 * queue, and where webgpu throws.
 */
export function readableSync(): boolean {
  return inMemory.has(tf.getBackend());
}

/**
 * The numbers of a tensor, read at once: the only place in the library that does so.
 *
 * @throws UnsupportedError on a backend where `readableSync()` is false.
 */
export function readSync(x: tf.Tensor): Float32Array | Int32Array | Uint8Array {
  if (!readableSync()) {
    throw new UnsupportedError({
      given: `a tensor on the backend '${tf.getBackend()}'`,
      expected: 'a backend that can be read synchronously (cpu, wasm, tensorflow)',
      remedy: 'Await `tensor.data()` instead, or choose such a backend with `useBackend`.',
    });
  }
  return x.dataSync();
}
