import * as tf from '@tensorflow/tfjs';
import { beforeAll, expect, it, vi } from 'vitest';
import { useBackend } from '../..';
import { FunctionBody, instantiated, type Local } from '../assembler';
import { type Heap, memoryOf } from '../kernels/heap';
import { type Call, placed, Sequence } from './sequence';

beforeAll(() => useBackend('wasm', { threads: 1 }));

/** A function of a module, which adds up what it is called with in memory, from the first argument on. */
function summing(heap: Heap, count: number): (...values: number[]) => number {
  const parameters = Array<'i32'>(count).fill('i32');
  const f = new FunctionBody('sum', { parameters, results: [] });
  const [out] = f.parameters as readonly [Local];
  f.get(out).get(out).memory('i32.load');
  for (const parameter of f.parameters.slice(1)) f.get(parameter).do('i32.add');
  f.memory('i32.store');
  return instantiated(memoryOf(heap), [f], []).sum!;
}

it('calls functions of JavaScript in order, in groups and as a whole', () => {
  const heap = tf.backend() as Heap;
  const seen: number[][] = [];
  const tell = (...values: number[]) => void seen.push(values);
  const also = (...values: number[]) => void seen.push([...values, -1]);
  const calls = Array.from(
    { length: 7 },
    (_, i): Call<number> =>
      i % 2 === 0
        ? { run: tell, arguments: [{ at: 1 }, i, { at: 0, plus: 8 }] }
        : { run: also, arguments: [-i] },
  );
  const table = heap.wasm._malloc(8);
  const sequence = new Sequence(heap, table, [calls.slice(0, 3), [], calls.slice(3)]);
  new Int32Array(memoryOf(heap).buffer, table, 2).set([100, 200]);
  const expected = calls.map((_, i) => (i % 2 === 0 ? [200, i, 108] : [-i, -1]));
  sequence.whole.run();
  expect(seen.splice(0)).toEqual(expected);
  const after = sequence.parts.map(({ run }) => {
    run();
    return seen.length;
  });
  expect(after).toEqual([3, 3, 7]);
  expect(seen).toEqual(expected);
  sequence.dispose();
  new Sequence(heap, table, []).whole.run();
  heap.wasm._free(table);
});

it.each([1, 2, 8, 16, 17, 30])('calls functions of modules with %i arguments', (count) => {
  const heap = tf.backend() as Heap;
  const table = heap.wasm._malloc(12);
  const sum = summing(heap, count);
  const rest = Array.from({ length: count - 1 }, (_, i) => (i % 2 === 0 ? i : { at: 1, plus: i }));
  const call = { run: sum, arguments: [{ at: 0 }, ...rest] };
  const sequence = new Sequence(heap, table, [[call], [call]]);
  const memory = () => new Int32Array(memoryOf(heap).buffer, table, 3);
  memory().set([table + 8, 1000, 0]);
  sequence.whole.run();
  const once = rest.reduce<number>((total, _, i) => total + i + (i % 2 === 0 ? 0 : 1000), 0);
  expect(memory()[2]).toBe(2 * once);
  sequence.dispose();
  heap.wasm._free(table);
});

it('forgets functions that no sequence calls any more', () => {
  const heap = tf.backend() as Heap;
  const table = heap.wasm._malloc(4);
  const at = heap.wasm._malloc(4);
  new Int32Array(memoryOf(heap).buffer, table, 1)[0] = at;
  const callOf = (run: (...values: number[]) => number) => ({ run, arguments: [{ at: 0 }, 1] });
  const total = () => new Int32Array(memoryOf(heap).buffer, at, 1);
  const first = new Sequence(heap, table, [[callOf(summing(heap, 2))]]);
  const shared = summing(heap, 2);
  const other = new Sequence(heap, table, [[callOf(shared)]]);
  first.dispose();
  const grow = vi.spyOn(WebAssembly.Table.prototype, 'grow');
  for (let i = 0; i < 100; i++) {
    const sequence = new Sequence(heap, table, [[callOf(summing(heap, 2)), callOf(shared)]]);
    total()[0] = 0;
    sequence.whole.run();
    expect(total()[0]).toBe(2);
    sequence.dispose();
  }
  expect(grow).not.toHaveBeenCalled();
  grow.mockRestore();
  other.whole.run();
  expect(total()[0]).toBe(3);
  other.dispose();
  for (const address of [at, table]) heap.wasm._free(address);
});

it('passes on what a function of JavaScript throws', () => {
  const heap = tf.backend() as Heap;
  const run = () => {
    throw new Error('in between');
  };
  const sequence = new Sequence(heap, 0, [[{ run, arguments: [] }]]);
  expect(() => sequence.whole.run()).toThrow('in between');
  sequence.dispose();
});

it('takes places of another kind', () => {
  const run = () => {};
  const call: Call<'a' | 'b'> = { run, arguments: [{ at: 'b', plus: 4 }, 3, { at: 'a' }] };
  expect(placed(call, (at) => (at === 'a' ? { at: 5 } : { at: 6, plus: 8 }))).toEqual({
    run,
    arguments: [{ at: 6, plus: 12 }, 3, { at: 5 }],
  });
});
