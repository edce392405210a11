import { MemoryError } from '../../errors';
import { type Engine, engine } from '../engine';
import type { Heap } from './kernels/heap';
import { settle } from './threads/pool';

/**
 * Lets an allocation for which there is no room throw, and say so.
 *
 * The stock backend takes the address 0, which means that there is none, for that of the tensor, or `Aborted()` is
 * thrown. Nothing is lost: once tensors are disposed of, there is room again.
 */
export function guardMemory(): void {
  const heap = engine().registry.wasm as Engine['registry'][string] & Heap;
  const { wasm } = heap;
  // The first call puts another function in place of this one.
  wasm._free(wasm._malloc(8));
  const allocate = wasm._malloc;
  wasm._malloc = (bytes) => {
    // After an interrupt, memory that is free may still be written to.
    settle(heap);
    const at = allocate(bytes);
    if (at === 0 && bytes > 0) throw refusal(engine().state.numBytes, bytes);
    // Beyond 2 GiB the build returns what 2³² is to be added to.
    return at >>> 0;
  };
}

const gigabytes = (bytes: number): string => `${(bytes / 1e9).toPrecision(2)} GB`;

const refusal = (held: number, bytes: number): MemoryError =>
  new MemoryError({
    given: `${gigabytes(bytes)} more than the ${gigabytes(held)} that tensors hold`,
    expected: 'what fits into the memory of wasm, in one piece each',
    remedy:
      'Dispose of tensors that are no longer used (`tf.tidy`, `tf.dispose`), or take smaller batches.',
  });
