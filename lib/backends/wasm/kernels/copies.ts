import type * as tf from '@tensorflow/tfjs';
import { kernelFunction, replaceKernel } from '../../kernels/kernel';
import { type Heap, shared } from './heap';

/** Kernels that copy what could be shared, or lose its type. */
export function repairCopies(): void {
  const identity = kernelFunction('Identity', 'wasm');
  replaceKernel<'x', object>('Identity', 'wasm', (call) => {
    const { x } = call.inputs;
    if (x.dtype === 'string') return identity(call);
    return shared(call.backend as Heap, x);
  });

  const cast = kernelFunction('Cast', 'wasm');
  replaceKernel<'x', { dtype: tf.DataType }>('Cast', 'wasm', (call) => {
    const heap = call.backend as Heap;
    const { x } = call.inputs;
    const { dtype } = call.attrs;
    if (x.dtype === dtype) return shared(heap, x);
    if (dtype !== 'bool') return cast(call);
    // The stock kernel truncates, so that 0.7 becomes no.
    const out = heap.makeOutput(x.shape, 'bool');
    const from = heap.typedArrayFromHeap(x);
    const to = heap.typedArrayFromHeap(out);
    for (let i = 0; i < to.length; i++) to[i] = from[i] === 0 ? 0 : 1;
    return out;
  });

  // The stock kernel copies four bytes an element, whatever they mean, and calls them float32.
  const stridedSlice = kernelFunction('StridedSlice', 'wasm');
  replaceKernel<'x', object>('StridedSlice', 'wasm', (call) => {
    const heap = call.backend as Heap;
    const out = stridedSlice(call) as tf.TensorInfo;
    heap.dataIdMap.get(out.dataId).dtype = call.inputs.x.dtype;
    return { ...out, dtype: call.inputs.x.dtype };
  });
}
