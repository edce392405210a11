import * as tf from '@tensorflow/tfjs';
import { type Call, kernelFunction, replaceKernel } from '../../kernels/kernel';
import { LEAST_WORK } from '../threads/limits';
import { isShared } from '../threads/pool';
import { ofTwo } from './entrywise';
import type { Heap } from './heap';

const instructions = { Add: 'f32x4.add', Sub: 'f32x4.sub', Multiply: 'f32x4.mul' } as const;

/** Sums, differences and products of large tensors of one shape on all threads: the stock kernels run on one. */
export function shareArithmetic(): void {
  for (const [kernel, instruction] of Object.entries(instructions)) {
    const before = kernelFunction(kernel, 'wasm');
    const compute = ofTwo(instruction);
    replaceKernel(kernel, 'wasm', (call: Call<'a' | 'b', object>) => {
      const { a, b } = call.inputs;
      const heap = call.backend as Heap;
      const isLong = tf.util.sizeFromShape(a.shape) >= LEAST_WORK && isShared(heap);
      const areAlike = tf.util.arraysEqual(a.shape, b.shape);
      const areFloats = a.dtype === 'float32' && b.dtype === 'float32';
      if (!isLong || !areAlike || !areFloats) return before(call);
      return compute(heap, [a, b], a.shape);
    });
  }
}
