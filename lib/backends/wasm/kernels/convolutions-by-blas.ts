import type * as tf from '@tensorflow/tfjs';
import type { Multiply } from '../blas';
import { floats, type Heap, zeros } from './heap';
import { eachBlock, isTable, sideBySide, tableSize } from './tables';
import { type Convolution, convolutionSpace } from './window';

/** An image may be given as its table; what cannot be read off it is here. */
export interface Forward extends Convolution {
  inputShape?: number[];
}

export interface ToFilter extends Forward {
  filterShape: number[];
}

export interface ToInput extends Convolution {
  inputShape: number[];
}

/** A sum of like convolutions: both inputs of the first, both of the second, and so on. */
export interface Sum<A> {
  inputs: tf.TensorInfo[];
  attrs: A;
  backend: tf.KernelBackend;
}

/** Visits the two inputs of each term of a sum. */
export function eachTerm(
  inputs: tf.TensorInfo[],
  visit: (a: tf.TensorInfo, b: tf.TensorInfo, i: number) => void,
): void {
  for (let i = 0; 2 * i < inputs.length; i++) visit(inputs[2 * i]!, inputs[2 * i + 1]!, i);
}

/** How many numbers a filter gives for each place of its window. */
const channelsOf = (filterShape: number[]) => filterShape[filterShape.length - 1]!;

/** The window of a convolution of x, which may be given as a table. */
export const spaceOf = (x: tf.TensorInfo, filterShape: number[], attrs: Forward) =>
  convolutionSpace(attrs.inputShape ?? x.shape, filterShape, attrs);

/** Σ conv(x, filter): what the window saw, times the filter. */
export function convolve(multiply: Multiply, sum: Sum<Forward>): tf.TensorInfo {
  const { inputs, attrs } = sum;
  const heap = sum.backend as Heap;
  const [x, { shape }] = inputs as [tf.TensorInfo, tf.TensorInfo];
  const space = spaceOf(x, shape, attrs);
  const { places } = tableSize(space);
  const out = heap.makeOutput(space.outShape, 'float32');
  eachBlock(heap, space, laysOut(inputs), ({ rows, part, seen }) => {
    eachTerm(inputs, (x, filter, i) => {
      const weights = floats(heap, filter);
      multiply(false, false, rows, channelsOf(shape), places, seen(x), weights, part(out), i > 0);
    });
  });
  return out;
}

/** The derivative of ⟨dy, conv(x, filter)⟩ for the filter: what the window saw, transposed, times dy. */
export function derivativeForFilter(multiply: Multiply, sum: Sum<ToFilter>): tf.TensorInfo {
  const { inputs, attrs } = sum;
  const heap = sum.backend as Heap;
  const { filterShape: shape } = attrs;
  const space = spaceOf(inputs[0]!, shape, attrs);
  const { places } = tableSize(space);
  const channels = channelsOf(shape);
  // BLAS is faster at the transpose, whose rows are long.
  const transposed = zeros(heap, [channels, places]);
  eachBlock(heap, space, laysOut(inputs), ({ rows, part, seen }) => {
    eachTerm(inputs, (x, dy) => {
      const to = floats(heap, transposed);
      multiply(true, false, channels, places, rows, part(dy), seen(x), to, true);
    });
  });
  const out = heap.makeOutput(shape, 'float32');
  transpose(floats(heap, transposed), floats(heap, out), places);
  heap.disposeData(transposed.dataId);
  return out;
}

/** Writes the transpose of a matrix with the given number of columns. */
export function transpose(from: Float32Array, to: Float32Array, columns: number): void {
  const rows = from.length / columns;
  for (let i = 0, o = 0; i < columns; i++) {
    for (let j = 0; j < rows; j++, o++) to[o] = from[j * columns + i]!;
  }
}

/** Whether some image has yet to be laid out as a table. */
function laysOut(inputs: tf.TensorInfo[]): boolean {
  let found = false;
  eachTerm(inputs, (x) => {
    found ||= !isTable(x);
  });
  return found;
}

/**
 * The derivative for the input: dy times the filter, added to where the window saw it.
 *
 * Σ dy wᵀ is one product, of all dy and all filters side by side.
 */
export function derivativeForInput(multiply: Multiply, sum: Sum<ToInput>): tf.TensorInfo {
  const { inputs, attrs } = sum;
  const heap = sum.backend as Heap;
  const { inputShape } = attrs;
  const space = convolutionSpace(inputShape, inputs[1]!.shape, attrs);
  const { places } = tableSize(space);
  const [dys, filters] = [0, 1].map((which) => inputs.filter((_, i) => i % 2 === which));
  const [slopes, weights] = [sideBySide(heap, dys!), sideBySide(heap, filters!)];
  const channels = channelsOf(weights.shape);
  const out = zeros(heap, inputShape);
  eachBlock(heap, space, true, ({ rows, part, table, addTable }) => {
    const factor = floats(heap, weights);
    multiply(false, true, rows, places, channels, part(slopes), factor, table, false);
    addTable(out);
  });
  if (inputs.length > 2) for (const { dataId } of [slopes, weights]) heap.disposeData(dataId);
  return out;
}
