import type * as tf from '@tensorflow/tfjs';
import { type Call, replaceKernel } from '../../kernels/kernel';
import { floats, type Heap } from './heap';

type CrossEntropies = Call<'labels' | 'logits', object>;

/**
 * Adds a kernel that the wasm backend does not have: `SoftmaxCrossEntropies`, for each row of labels
 * and logits −Σ y log softmax(z).
 *
 * Made of stock kernels it takes nine, and as many copies for the tape: more than the matrix
 * products of a last layer. Its gradient is in `repairs/losses.ts`.
 */
export function addCrossEntropies(): void {
  replaceKernel('SoftmaxCrossEntropies', 'wasm', ({ inputs, backend }: CrossEntropies) => {
    const heap = backend as Heap;
    const { labels, logits } = inputs;
    const out = heap.makeOutput(logits.shape.slice(0, -1), 'float32');
    // Views are taken now, after the last allocation: an allocation may move the heap.
    const [y, z, to] = [labels, logits, out].map((x: tf.TensorInfo) => floats(heap, x)) as [
      Float32Array,
      Float32Array,
      Float32Array,
    ];
    const classes = logits.shape.at(-1)!;
    for (let row = 0, start = 0; row < to.length; row++, start += classes) {
      to[row] = crossEntropy(y, z, start, start + classes);
    }
    return out;
  });
}

/** Σ y · log Σ exp(z − m) − Σ y (z − m), with m = max z so that no exponential overflows. */
function crossEntropy(y: Float32Array, z: Float32Array, start: number, end: number): number {
  if (start === end) return 0;
  let most = Number.NEGATIVE_INFINITY;
  for (let i = start; i < end; i++) if (z[i]! > most) most = z[i]!;
  let [exponentials, weight, expected] = [0, 0, 0];
  for (let i = start; i < end; i++) {
    exponentials += Math.exp(z[i]! - most);
    weight += y[i]!;
    // A class that is ruled out by −∞ has the label 0.
    if (y[i] !== 0) expected += y[i]! * (z[i]! - most);
  }
  return weight * Math.log(exponentials) - expected;
}
