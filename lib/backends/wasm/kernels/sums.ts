import * as tf from '@tensorflow/tfjs';
import { type Call, kernelFunction, replaceKernel } from '../../kernels/kernel';
import {
  add,
  addFloats,
  addFours,
  advance,
  assembled,
  type Code,
  constant,
  forEach,
  get,
  i32,
  loadFloat,
  loadFour,
  set,
  storeFloat,
  storeFour,
} from './assembly';
import { floats, type Heap, zeros } from './heap';

type Sum = Call<'x', { axis: number | number[]; keepDims: boolean }>;

/**
 * Sums over the first axes, which is what the derivative for a bias is.
 *
 * The stock kernel transposes everything first, so that it can sum along the last axis.
 */
export function repairSums(): void {
  const stock = kernelFunction('Sum', 'wasm');
  replaceKernel('Sum', 'wasm', (call: Sum) => {
    const { inputs, attrs, backend } = call;
    const { x } = inputs;
    const axes = tf.util.parseAxisParam(attrs.axis, x.shape).sort((a, b) => a - b);
    const first = axes.length > 0 && axes.every((axis, i) => axis === i);
    if (!first || axes.length === x.shape.length || x.dtype !== 'float32') {
      return stock(call as unknown as Call<string, never>);
    }
    const heap = backend as Heap;
    const kept = x.shape.slice(axes.length);
    const out = zeros(heap, attrs.keepDims ? [...axes.map(() => 1), ...kept] : kept);
    const [from, to] = [floats(heap, x), floats(heap, out)];
    const row = to.byteLength;
    if (row === 0) return out;
    const end = from.byteOffset + from.byteLength;
    addRowsOn(heap)(from.byteOffset, end, to.byteOffset, row - (row % 16), row);
    return out;
  });
}

type AddRows = (from: number, end: number, out: number, wholeRow: number, row: number) => void;

const [FROM, END, OUT, WHOLE_ROW, ROW, TO, STOP] = [0, 1, 2, 3, 4, 5, 6];

/** Adds the entries of a row up to so many bytes of it, some at a time. */
const addUpTo = (
  bytesOfRow: number,
  step: number,
  load: number[],
  plus: number[],
  store: number[],
) => [
  ...[...get(OUT), ...get(bytesOfRow), ...add, ...set(STOP)],
  ...forEach(
    TO,
    STOP,
    get(TO),
    [...get(TO), ...load, ...get(FROM), ...load, ...plus],
    store,
    advance(TO, constant(step)),
    advance(FROM, constant(step)),
  ),
];

/** Adds rows in memory to one that starts at zero; lengths in bytes, `wholeRow` in fours of numbers. */
const addRows: Code = {
  parameters: [i32, i32, i32, i32, i32],
  locals: [i32, i32],
  body: forEach(
    FROM,
    END,
    [...get(OUT), ...set(TO)],
    addUpTo(WHOLE_ROW, 16, loadFour(), addFours, storeFour()),
    addUpTo(ROW, 4, loadFloat, addFloats, storeFloat),
  ),
};

const ofBackends = new WeakMap<Heap, AddRows>();

function addRowsOn(heap: Heap): AddRows {
  const known =
    ofBackends.get(heap) ?? (assembled(heap, { addRows }).addRows as unknown as AddRows);
  ofBackends.set(heap, known);
  return known;
}
