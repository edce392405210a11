import * as tf from '@tensorflow/tfjs';
import { type Call, kernelFunction, replaceKernel, reshaped } from '../../kernels/kernel';
import { FunctionBody, instantiated, type Local } from '../assembler';
import { floats, type Heap, memoryOf, perHeap, zeros } from './heap';

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
      if (x.dtype !== 'float32') return stock(call);
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
  const attrs = { perm };
  const transpose = kernelFunction('Transpose', 'wasm');
  const moved = transpose({ inputs: { x }, attrs, backend: heap }) as tf.TensorInfo;
  const out = sumsOfRuns(heap, moved, shape, divisor);
  heap.disposeData(moved.dataId);
  return out;
}

/** The number of rows that are added in float32, then of these sums, and so on: a tree. */
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
  const { addRows } = loopsOn(heap);
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

/** Adds the rows from an address to another to one that starts at zero; `fours` are bytes of whole fours. */
function addRows(): FunctionBody {
  const f = new FunctionBody('addRows', {
    parameters: ['i32', 'i32', 'i32', 'i32', 'i32'],
    results: [],
  });
  const [from, end, out, fours, row] = f.parameters;
  const [to, stop] = f.locals('i32', 'i32');
  /** Adds the entries in the first bytes of a row, some at a time. */
  const addUpTo = (bytesOfRow: Local, step: number, add: () => void) => {
    f.get(out, bytesOfRow).do('i32.add').set(stop);
    f.while(to, stop, () => {
      f.get(to);
      add();
      f.advance(to, step).advance(from, step);
    });
  };
  return f.while(from, end, () => {
    f.get(out).set(to);
    addUpTo(fours, 16, () => {
      f.get(to).memory('v128.load').get(from).memory('v128.load');
      f.do('f32x4.add').memory('v128.store');
    });
    addUpTo(row, 4, () => {
      f.get(to).memory('f32.load').get(from).memory('f32.load').do('f32.add').memory('f32.store');
    });
  });
}

/** Bytes of a run that are added at once. */
const ROUND = 32;

/**
 * Sums runs of a given number of bytes, `whole` of which are rounds, in float64; each sum is divided and written
 * to the next place.
 */
function sumRuns(): FunctionBody {
  const f = new FunctionBody('sumRuns', {
    parameters: ['i32', 'i32', 'i32', 'i32', 'i32', 'f64'],
    results: [],
  });
  const [source, target, last, whole, run, divisor] = f.parameters;
  const [until, total] = f.locals('i32', 'f64');
  const sums = f.localsOf('v128', ROUND / 8);
  const sum = sums[0]!;
  return f.while(target, last, () => {
    f.f64(0).set(total);
    for (const each of sums) f.f32x4(0).set(each);
    f.get(source, whole).do('i32.add').set(until);
    f.while(source, until, () => {
      sums.forEach((each, i) => {
        f.get(source).memory('v128.load64_zero', 8 * i);
        f.do('f64x2.promote_low_f32x4').get(each).do('f64x2.add').set(each);
      });
      f.advance(source, ROUND);
    });
    f.get(until, whole).do('i32.sub').get(run).do('i32.add').set(until);
    f.while(source, until, () => {
      f.get(source).memory('f32.load').do('f64.promote_f32').get(total).do('f64.add').set(total);
      f.advance(source, 4);
    });
    for (const other of sums.slice(1)) f.get(sum, other).do('f64x2.add').set(sum);
    f.get(target, total);
    for (const i of [0, 1]) f.get(sum).lane('f64x2.extract_lane', i).do('f64.add');
    f.get(divisor).do('f64.div', 'f32.demote_f64').memory('f32.store');
    f.advance(target, 4);
  });
}

const loopsOn = perHeap((heap) => {
  const made = instantiated(memoryOf(heap), [addRows(), sumRuns()], []);
  return { addRows: made.addRows!, sumRuns: made.sumRuns! };
});
