import * as tf from '@tensorflow/tfjs';
import { type Call, kernelFunction, replaceKernel } from '../../kernels/kernel';
import {
  add,
  addFours,
  advance,
  assembled,
  type Code,
  constant,
  forEach,
  get,
  i32,
  loadFour,
  loadOne,
  set,
  storeFour,
  storeOne,
} from './assembly';
import { floats, type Heap } from './heap';

/** Addresses, and lengths in bytes: that of a row, and of the part of it that is made of fours. */
type AddRow = (
  x: number,
  end: number,
  row: number,
  fours: number,
  length: number,
  out: number,
) => void;

const [X, END, ROW, FOURS, LENGTH, OUT, COLUMN] = [0, 1, 2, 3, 4, 5, 6];

/** Adds some numbers at once, until COLUMN reaches a local. */
const addUntil = (until: number, bytes: number, load: number[], store: number[]) =>
  forEach(
    COLUMN,
    until,
    get(OUT),
    [...get(X), ...load, ...get(ROW), ...get(COLUMN), ...add, ...load, ...addFours],
    store,
    ...[X, COLUMN, OUT].map((local) => advance(local, constant(bytes))),
  );

const addRow: Code = {
  parameters: [i32, i32, i32, i32, i32, i32],
  locals: [i32],
  body: forEach(
    X,
    END,
    [...constant(0), ...set(COLUMN)],
    addUntil(FOURS, 16, loadFour(), storeFour()),
    addUntil(LENGTH, 4, loadOne(), storeOne()),
  ),
};

const ofBackends = new WeakMap<Heap, AddRow>();

function addRowOn(heap: Heap): AddRow {
  const known = ofBackends.get(heap) ?? (assembled(heap, { addRow }).addRow as unknown as AddRow);
  ofBackends.set(heap, known);
  return known;
}

/** x with a row added to each of its rows. */
function added(heap: Heap, x: tf.TensorInfo, row: tf.TensorInfo): tf.TensorInfo {
  const out = heap.makeOutput(x.shape, 'float32');
  // Addresses are taken now, after the last allocation: an allocation may move the heap.
  const [from, other, to] = [x, row, out].map((each) => floats(heap, each));
  const { byteOffset, byteLength } = from!;
  const length = other!.byteLength;
  addRowOn(heap)(
    byteOffset,
    byteOffset + byteLength,
    other!.byteOffset,
    length - (length % 16),
    length,
    to!.byteOffset,
  );
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
 * The stock kernel starts anew for each row, and the rows of an image are as short as its channels.
 */
export function repairBiases(): void {
  const stock = kernelFunction('Add', 'wasm');
  replaceKernel('Add', 'wasm', (call: Call<'a' | 'b', object>) => {
    const { a, b } = call.inputs;
    const areFloats = a.dtype === 'float32' && b.dtype === 'float32';
    const heap = call.backend as Heap;
    if (areFloats && areRows(a.shape, b.shape)) return added(heap, a, b);
    if (areFloats && areRows(b.shape, a.shape)) return added(heap, b, a);
    return stock(call as unknown as Call<string, never>);
  });
}
