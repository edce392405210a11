import * as tf from '@tensorflow/tfjs';
import { beforeAll, expect, it } from 'vitest';
import { useBackend } from '../..';
import { type Heap, memoryOf } from '../kernels/heap';
import { type Call, placed, sequenceOn } from './sequence';

beforeAll(() => useBackend('wasm', { threads: 1 }));

/** The sizes of the modules that are compiled meanwhile. */
function moduleSizes(work: () => void): number[] {
  const { Module } = WebAssembly;
  const sizes: number[] = [];
  WebAssembly.Module = class extends Module {
    constructor(bytes: BufferSource) {
      super(bytes);
      sizes.push(bytes.byteLength);
    }
  };
  try {
    work();
  } finally {
    WebAssembly.Module = Module;
  }
  return sizes;
}

it.each([0, 1, 3, 400])('calls %i functions in order, in modules that a page may compile', (n) => {
  const heap = tf.backend() as Heap;
  const seen: number[][] = [];
  const tell = (...values: number[]) => void seen.push(values);
  const also = (...values: number[]) => void seen.push([...values, -1]);
  const calls = Array.from(
    { length: n },
    (_, i): Call<number> =>
      i % 2 === 0
        ? { run: tell, arguments: [{ at: 1 }, i, { at: 0, plus: 8 }] }
        : { run: also, arguments: [-i] },
  );
  const table = heap.wasm._malloc(8);
  new Int32Array(memoryOf(heap).buffer, table, 2).set([100, 200]);
  let run = (_: number) => {};
  const sizes = moduleSizes(() => {
    run = sequenceOn(heap, calls).run;
  });
  expect(Math.max(...sizes)).toBeLessThanOrEqual(4096);
  run(table);
  expect(seen).toEqual(
    Array.from({ length: n }, (_, i) => (i % 2 === 0 ? [200, i, 108] : [-i, -1])),
  );
  heap.wasm._free(table);
});

it('takes places of another kind', () => {
  const run = () => {};
  const call: Call<'a' | 'b'> = { run, arguments: [{ at: 'b', plus: 4 }, 3, { at: 'a' }] };
  expect(placed(call, (at) => (at === 'a' ? { at: 5 } : { at: 6, plus: 8 }))).toEqual({
    run,
    arguments: [{ at: 6, plus: 12 }, 3, { at: 5 }],
  });
});
