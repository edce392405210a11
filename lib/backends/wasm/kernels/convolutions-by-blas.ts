import type * as tf from '@tensorflow/tfjs';
import type { Multiply } from '../blas';
import { floats, type Heap, zeros } from './heap';
import { eachBlock, tableSize } from './tables';
import { type Convolution, convolutionSpace } from './window';

export interface ToFilter extends Convolution {
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

/** Σ conv(x, filter): what the window saw, times the filter. */
export function convolve(multiply: Multiply, sum: Sum<Convolution>): tf.TensorInfo {
  const { inputs, attrs } = sum;
  const heap = sum.backend as Heap;
  const [x, { shape }] = inputs as [tf.TensorInfo, tf.TensorInfo];
  const space = convolutionSpace(x.shape, shape, attrs);
  const { places } = tableSize(space);
  const out = heap.makeOutput(space.outShape, 'float32');
  eachBlock(heap, space, ({ images, rows, table, gather, part }) => {
    eachTerm(inputs, (x, filter, i) => {
      const weights = floats(heap, filter);
      gather(part(x), table, images);
      multiply(false, false, rows, channelsOf(shape), places, table, weights, part(out), i > 0);
    });
  });
  return out;
}

/** The derivative of ⟨dy, conv(x, filter)⟩ for the filter: what the window saw, transposed, times dy. */
export function derivativeForFilter(multiply: Multiply, sum: Sum<ToFilter>): tf.TensorInfo {
  const { inputs, attrs } = sum;
  const heap = sum.backend as Heap;
  const { filterShape: shape } = attrs;
  const space = convolutionSpace(inputs[0]!.shape, shape, attrs);
  const { places } = tableSize(space);
  const out = zeros(heap, shape);
  eachBlock(heap, space, ({ images, rows, table, gather, part }) => {
    eachTerm(inputs, (x, dy) => {
      gather(part(x), table, images);
      const to = floats(heap, out);
      multiply(true, false, places, channelsOf(shape), rows, table, part(dy), to, true);
    });
  });
  return out;
}

/** The derivative for the input: dy times the filter, added to where the window saw it. */
export function derivativeForInput(multiply: Multiply, sum: Sum<ToInput>): tf.TensorInfo {
  const { inputs, attrs } = sum;
  const heap = sum.backend as Heap;
  const { inputShape } = attrs;
  const { shape } = inputs[1]!;
  const space = convolutionSpace(inputShape, shape, attrs);
  const { places } = tableSize(space);
  const out = zeros(heap, inputShape);
  eachBlock(heap, space, ({ images, rows, table, scatter, part }) => {
    eachTerm(inputs, (dy, filter, i) => {
      const weights = floats(heap, filter);
      multiply(false, true, rows, places, channelsOf(shape), part(dy), weights, table, i > 0);
    });
    scatter(table, part(out), images);
  });
  return out;
}
