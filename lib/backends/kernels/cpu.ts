import type * as tf from '@tensorflow/tfjs';
import { repairEinsumKernel } from './einsum';
import { kernelFunction, replaceKernel } from './kernel';
import { repairStridedSlice } from './strided-slice';

/** The stock kernel writes the updates into its input, which others still use. */
function repairScatterUpdate(): void {
  const stock = kernelFunction('TensorScatterUpdate', 'cpu');
  replaceKernel<'tensor' | 'indices' | 'updates', object>('TensorScatterUpdate', 'cpu', (call) => {
    const { tensor } = call.inputs;
    const backend = call.backend as tf.MathBackendCPU;
    const values = backend.readSync(tensor.dataId) as Float32Array;
    const copy = backend.makeTensorInfo(tensor.shape, tensor.dtype, values.slice());
    try {
      return stock({ backend, attrs: {} as never, inputs: { ...call.inputs, tensor: copy } });
    } finally {
      backend.disposeIntermediateTensorInfo(copy);
    }
  });
}

/** Replaces the kernels of the cpu backend that are wrong. */
export function repairCpuKernels(): void {
  repairScatterUpdate();
  repairEinsumKernel('cpu');
  repairStridedSlice('cpu');
}
