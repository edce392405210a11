import * as tf from '@tensorflow/tfjs';
import { beforeAll, expect, it, vi } from 'vitest';
import { leaveOutWithoutPrograms } from '../../../test/needs';
import { useBackend } from '../../backends';
import { type Heap, memoryOf } from '../../backends/wasm/kernels/heap';
import { compiledMap } from '../compiled-map';

leaveOutWithoutPrograms();

beforeAll(() => useBackend('wasm', { threads: 1 }));

it('memory that programs share is not used once it is freed, where there was no room for more', () => {
  const f = compiledMap((x: tf.Tensor) =>
    tf.sum(tf.tanh(tf.matMul(x as tf.Tensor2D, x as tf.Tensor2D, false, true))),
  );
  const of = (rows: number) => f(tf.ones([rows, 2])).dataSync()[0]! / rows ** 2;
  expect(of(40)).toBeCloseTo(Math.tanh(2), 5);
  const heap = tf.backend() as Heap;
  const { wasm } = heap;
  const { _malloc: malloc } = wasm;
  const numbers = 2 ** 8;
  const at = (address: number) => new Float32Array(memoryOf(heap).buffer, address, numbers);
  let refused = 0;
  for (let done = false, count = 1; !done; count++) {
    let large = 0;
    const spy = vi.spyOn(wasm, '_malloc').mockImplementation((bytes) => {
      if (bytes > 4e6) large++;
      if (large === count) throw new RangeError('no room');
      return malloc.call(wasm, bytes);
    });
    try {
      of(1200);
      done = true;
    } catch {
      refused++;
    }
    spy.mockRestore();
    // What was given up is somebody else's.
    const others = Array.from({ length: 200 }, () => wasm._malloc(4 * numbers));
    for (const address of others) at(address).fill(7);
    expect(of(40)).toBeCloseTo(Math.tanh(2), 5);
    expect(others.every((address) => at(address).every((value) => value === 7))).toBe(true);
    for (const address of others) wasm._free(address);
  }
  // In operations while it is traced, and for its program.
  expect(refused).toBeGreaterThan(1);
  expect(of(1200)).toBeCloseTo(Math.tanh(2), 4);
  f.free();
});
