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
    const from = floats(heap, x);
    const to = floats(heap, out);
    for (let row = 0; row < from.length; row += to.length) {
      for (let i = 0; i < to.length; i++) to[i]! += from[row + i]!;
    }
    return out;
  });
}
