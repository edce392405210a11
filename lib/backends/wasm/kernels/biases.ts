import * as tf from '@tensorflow/tfjs';
import { type Call, kernelFunction, replaceKernel } from '../../kernels/kernel';
import { FunctionBody, instantiated, type Local } from '../assembler';
import { type Argument, runInShares } from '../threads/pool';
import { floats, type Heap, memoryOf, perHeap } from './heap';

/**
 * Adds a row to each row of x: addresses, and lengths in bytes, that of a row and of the part of it
 * that is made of fours.
 */
function addRow(): FunctionBody {
  const f = new FunctionBody('addRow', {
    parameters: ['i32', 'i32', 'i32', 'i32', 'i32', 'i32'],
    results: [],
  });
  const [x, end, row, fours, length, out] = f.parameters;
  const column = f.local('i32');
  /** Adds some numbers at once, until `column` reaches a local. */
  const addUntil = (
    until: Local,
    bytes: number,
    load: 'v128.load' | 'v128.load32_zero',
    store: 'v128.store' | 'v128.store32_lane',
  ) =>
    f.while(column, until, () => {
      f.get(out, x).memory(load);
      f.get(row, column).do('i32.add').memory(load);
      f.do('f32x4.add').memory(store);
      for (const local of [x, column, out]) f.advance(local, bytes);
    });
  return f.while(x, end, () => {
    f.i32(0).set(column);
    addUntil(fours, 16, 'v128.load', 'v128.store');
    addUntil(length, 4, 'v128.load32_zero', 'v128.store32_lane');
  });
}

const addRowOn = perHeap((heap) => instantiated(memoryOf(heap), [addRow()], []).addRow!);

/** x with a row added to each of its rows. */
function added(heap: Heap, x: tf.TensorInfo, row: tf.TensorInfo): tf.TensorInfo {
  const out = heap.makeOutput(x.shape, 'float32');
  // Addresses are taken now, after the last allocation: an allocation may move the heap.
  const [from, other, to] = [x, row, out].map((each) => floats(heap, each));
  const { byteOffset, byteLength } = from!;
  const length = other!.byteLength;
  const fixed = (value: number): Argument => [value, 0, 0];
  const [first, end, target]: Argument[] = [
    [byteOffset, length, 0],
    [byteOffset, length, length],
    [to!.byteOffset, length, 0],
  ];
  runInShares(heap, {
    run: addRowOn(heap),
    count: byteLength / length,
    work: from!.length,
    unit: 1,
    arguments: [
      first!,
      end!,
      ...[other!.byteOffset, length - (length % 16), length].map(fixed),
      target!,
    ],
  });
  return out;
}

/** Whether the second shape is that of rows of the first, under axes of length 1 at most. */
function areRows(whole: number[], row: number[]): boolean {
  const first = row.findIndex((length) => length !== 1);
  const own = first < 0 ? [] : row.slice(first);
  const isShorter = own.length > 0 && own.length < whole.length && row.length <= whole.length;
  return isShorter && tf.util.arraysEqual(whole.slice(-own.length), own);
}

/**
 * Adds a row to each row of a tensor, which is what a bias is.
 *
 * The stock kernel starts again for each row, and the rows of an image are as short as its channels.
 */
export function repairBiases(): void {
  const stock = kernelFunction('Add', 'wasm');
  replaceKernel('Add', 'wasm', (call: Call<'a' | 'b', object>) => {
    const { a, b } = call.inputs;
    const areFloats = a.dtype === 'float32' && b.dtype === 'float32';
    const heap = call.backend as Heap;
    if (areFloats && areRows(a.shape, b.shape)) return added(heap, a, b);
    if (areFloats && areRows(b.shape, a.shape)) return added(heap, b, a);
    return stock(call);
  });
}
