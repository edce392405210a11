import * as tf from '@tensorflow/tfjs';
import { type Call, kernelFunction, replaceKernel } from '../../kernels/kernel';
import type { Heap } from './heap';

type Split = Call<'x', { numOrSizeSplits: number | number[]; axis: number }>;

const size = (shape: number[]) => shape.reduce((a, b) => a * b, 1);

/**
 * Splits a tensor along an axis, run by run.
 *
 * The stock kernel takes a copy of the whole tensor for each part: with the steps of a recurrent
 * network along the axis, their number squared.
 */
export function repairSplits(): void {
  const stock = kernelFunction('SplitV', 'wasm');
  replaceKernel('SplitV', 'wasm', (call: Split) => {
    const { inputs, attrs, backend } = call;
    const { x } = inputs;
    if (x.dtype === 'string') return stock(call);
    const heap = backend as Heap;
    const axis = tf.util.parseAxisParam(attrs.axis, x.shape)[0]!;
    const sizes = tf.backend_util.prepareSplitSize(x as tf.Tensor, attrs.numOrSizeSplits, axis);
    const parts = sizes.map((length) =>
      heap.makeOutput(x.shape.with(axis, length), x.dtype as tf.DataType),
    );
    // Views are taken now, after the last allocation: an allocation may move the heap.
    const from = heap.typedArrayFromHeap(x);
    const line = size(x.shape.slice(axis));
    const inner = size(x.shape.slice(axis + 1));
    let start = 0;
    for (const part of parts) {
      const to = heap.typedArrayFromHeap(part);
      const run = part.shape[axis]! * inner;
      for (let at = start, o = 0; o < to.length; at += line, o += run) {
        to.set(from.subarray(at, at + run), o);
      }
      start += run;
    }
    return parts;
  });
}
