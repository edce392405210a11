import * as tf from '@tensorflow/tfjs';
import { type Call, kernelFunction, replaceKernel } from '../../kernels/kernel';
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
    addRows(floats(heap, x), floats(heap, out));
    return out;
  });
}

/** Adds all rows, four at a time: each visit to a sum costs more than the addition. */
function addRows(from: Float32Array, to: Float32Array): void {
  const n = to.length;
  const inFours = from.length - (from.length % (4 * n));
  for (let row = 0; row < inFours; row += 4 * n) {
    for (let i = 0, p = row; i < n; i++, p++) {
      to[i]! += from[p]! + from[p + n]! + from[p + 2 * n]! + from[p + 3 * n]!;
    }
  }
  for (let row = inFours; row < from.length; row += n) {
    for (let i = 0; i < n; i++) to[i]! += from[row + i]!;
  }
}
