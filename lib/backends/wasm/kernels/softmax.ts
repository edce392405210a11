import type * as tf from '@tensorflow/tfjs';
import { type Call, replaceKernel } from '../../kernels/kernel';
import { floats, type Heap } from './heap';

type Derivative = Call<'s' | 'v', object>;

/**
 * Adds a kernel that the wasm backend does not have: `SoftmaxDerivative`, s ⊙ (v − Σ s v) with the
 * sum over the last axis, which is what a softmax s makes of a change v.
 *
 * It has no gradient: nothing that is recorded may use it.
 */
export function addSoftmaxDerivative(): void {
  replaceKernel('SoftmaxDerivative', 'wasm', ({ inputs: { s, v }, backend }: Derivative) => {
    const heap = backend as Heap;
    const out = heap.makeOutput(s.shape, 'float32');
    // Views are taken now, after the last allocation: an allocation may move the heap.
    const [shares, change, to] = [s, v, out].map((x: tf.TensorInfo) => floats(heap, x)) as [
      Float32Array,
      Float32Array,
      Float32Array,
    ];
    const classes = s.shape.at(-1)!;
    for (let start = 0; start < to.length; start += classes) {
      let mean = 0;
      for (let i = start; i < start + classes; i++) mean += shares[i]! * change[i]!;
      for (let i = start; i < start + classes; i++) to[i] = shares[i]! * (change[i]! - mean);
    }
    return out;
  });
}
