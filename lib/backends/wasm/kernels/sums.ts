import * as tf from '@tensorflow/tfjs';
import { type Call, kernelFunction, replaceKernel, reshaped } from '../../kernels/kernel';
import {
  add,
  addDoubles,
  addFloats,
  addFours,
  addTwoDoubles,
  advance,
  assembled,
  type Code,
  constant,
  demote,
  divideDoubles,
  doubleConstant,
  doubleLane,
  f64,
  floatConstant,
  forEach,
  get,
  i32,
  loadFloat,
  loadFour,
  loadTwoDoubles,
  promote,
  set,
  spread,
  storeFloat,
  storeFour,
  subtract,
  type ValueType,
  v128,
} from './assembly';
import { floats, type Heap, zeros } from './heap';

type Sum = Call<'x', { axis: number | number[]; keepDims: boolean }>;

const size = (shape: number[]) => shape.reduce((a, b) => a * b, 1);

/**
 * Sums and means that are accurate, whatever their length, and as fast as the memory.
 *
 * The stock kernels add in float32 one by one: from 2²⁴ times the size of an entry on, nothing is
 * added any more. They transpose everything first where the last axis is not summed over, which is
 * what the derivative for a bias needs.
 */
export function repairSums(): void {
  for (const kernel of ['Sum', 'Mean']) {
    const stock = kernelFunction(kernel, 'wasm');
    replaceKernel(kernel, 'wasm', (call: Sum) => {
      const { inputs, attrs, backend } = call;
      const { x } = inputs;
      if (x.dtype !== 'float32') return stock(call as unknown as Call<string, never>);
      const heap = backend as Heap;
      const axes = tf.util.parseAxisParam(attrs.axis, x.shape).sort((a, b) => a - b);
      const count = size(axes.map((axis) => x.shape[axis]!));
      const sum = summed(heap, x, axes, kernel === 'Mean' ? count : 1);
      return reshaped(
        sum,
        attrs.keepDims ? tf.backend_util.expandShapeToKeepDim(sum.shape, axes) : sum.shape,
      );
    });
  }
}

function divide(values: Float32Array, by: number): void {
  for (let i = 0; i < values.length; i++) values[i]! /= by;
}

/** The sum over some axes, in ascending order, divided by a number. */
function summed(heap: Heap, x: tf.TensorInfo, axes: number[], divisor: number): tf.TensorInfo {
  const kept = x.shape.flatMap((_, axis) => (axes.includes(axis) ? [] : [axis]));
  const shape = kept.map((axis) => x.shape[axis]!);
  const isFirst = axes.every((axis, i) => axis === i);
  if (isFirst && kept.length > 0) {
    const sum = sumOfRows(heap, x, shape);
    if (divisor !== 1) divide(floats(heap, sum), divisor);
    return sum;
  }
  const isLast = kept.every((axis, i) => axis === i);
  if (isLast) return sumsOfRuns(heap, x, shape, divisor);
  const perm = [...kept, ...axes];
  const attrs = { perm } as never;
  const transpose = kernelFunction('Transpose', 'wasm');
  const moved = transpose({ inputs: { x }, attrs, backend: heap }) as tf.TensorInfo;
  const out = sumsOfRuns(heap, moved, shape, divisor);
  heap.disposeData(moved.dataId);
  return out;
}

/** So many rows are added in float32, then so many of these sums, and so on: a tree. */
const BRANCHES = 64;

/** The sum of all rows of a shape. */
function sumOfRows(heap: Heap, x: tf.TensorInfo, shape: number[]): tf.TensorInfo {
  const length = size(shape);
  let rows = size(x.shape) / length;
  let from = x;
  for (;;) {
    const sums = Math.ceil(rows / BRANCHES);
    const out = zeros(heap, sums === 1 ? shape : [sums, ...shape]);
    addRowsTo(heap, floats(heap, from), floats(heap, out), length);
    if (from !== x) heap.disposeData(from.dataId);
    if (sums === 1) return out;
    [rows, from] = [sums, out];
  }
}

/** Adds each BRANCHES rows to one. */
function addRowsTo(heap: Heap, from: Float32Array, to: Float32Array, length: number): void {
  const row = 4 * length;
  const addRows = addRowsOn(heap);
  for (let i = 0; 4 * i * BRANCHES * length < from.byteLength; i++) {
    const start = from.byteOffset + i * BRANCHES * row;
    const end = Math.min(start + BRANCHES * row, from.byteOffset + from.byteLength);
    addRows(start, end, to.byteOffset + i * row, row - (row % 16), row);
  }
}

/** The sum of each run of neighbours, in float64, divided by a number. */
function sumsOfRuns(heap: Heap, x: tf.TensorInfo, shape: number[], divisor: number): tf.TensorInfo {
  const out = heap.makeOutput(shape, 'float32');
  // Addresses are taken now, after the last allocation: an allocation may move the heap.
  const [from, to] = [floats(heap, x), floats(heap, out)];
  const run = from.byteLength / to.length;
  const whole = run - (run % ROUND);
  const [start, last] = [to.byteOffset, to.byteOffset + to.byteLength];
  loopsOn(heap).sumRuns(from.byteOffset, start, last, whole, run, divisor);
  return out;
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

/** Bytes of a run that are added at once. */
const ROUND = 32;

type SumRuns = (
  from: number,
  out: number,
  end: number,
  whole: number,
  run: number,
  divisor: number,
) => void;

const [SOURCE, TARGET, LAST, WHOLE, RUN, DIVISOR, UNTIL, TOTAL, SUM] = [0, 1, 2, 3, 4, 5, 6, 7, 8];
const twos = [0, 8, 16, 24];

/** Sums runs of so many bytes, `whole` of which are rounds; each sum is written to the next place. */
const sumRuns: Code = {
  parameters: [i32, i32, i32, i32, i32, f64],
  locals: [i32, f64, ...twos.map((): ValueType => v128)],
  body: forEach(
    TARGET,
    LAST,
    [...doubleConstant(0), ...set(TOTAL)],
    twos.flatMap((_, i) => [...floatConstant(0), ...spread, ...set(SUM + i)]),
    [...get(SOURCE), ...get(WHOLE), ...add, ...set(UNTIL)],
    forEach(
      SOURCE,
      UNTIL,
      ...twos.map((offset, i) => [
        ...[...get(SOURCE), ...loadTwoDoubles(offset)],
        ...[...get(SUM + i), ...addTwoDoubles, ...set(SUM + i)],
      ]),
      advance(SOURCE, constant(ROUND)),
    ),
    [...get(UNTIL), ...get(WHOLE), ...subtract, ...get(RUN), ...add, ...set(UNTIL)],
    forEach(
      SOURCE,
      UNTIL,
      [...get(SOURCE), ...loadFloat, ...promote, ...get(TOTAL), ...addDoubles, ...set(TOTAL)],
      advance(SOURCE, constant(4)),
    ),
    [1, 2, 3].flatMap((i) => [...[...get(SUM), ...get(SUM + i), ...addTwoDoubles, ...set(SUM)]]),
    get(TARGET),
    [...get(TOTAL), ...get(SUM), ...doubleLane(0), ...addDoubles],
    [
      ...get(SUM),
      ...doubleLane(1),
      ...addDoubles,
      ...get(DIVISOR),
      ...divideDoubles,
      ...demote,
      ...storeFloat,
    ],
    advance(TARGET, constant(4)),
  ),
};

interface Loops {
  addRows: AddRows;
  sumRuns: SumRuns;
}

const ofBackends = new WeakMap<Heap, Loops>();

function loopsOn(heap: Heap): Loops {
  const known = ofBackends.get(heap) ?? (assembled(heap, { addRows, sumRuns }) as unknown as Loops);
  ofBackends.set(heap, known);
  return known;
}

const addRowsOn = (heap: Heap): AddRows => loopsOn(heap).addRows;
