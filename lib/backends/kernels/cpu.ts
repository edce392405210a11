import type * as tf from '@tensorflow/tfjs';
import { repairBatches } from './batches';
import { repairEinsumKernel } from './einsum';
import { type Call, kernelFunction, replaceKernel } from './kernel';
import { repairStridedSlice } from './strided-slice';
import { refuseMisfits } from './windows';

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

/**
 * The stock kernel calls integers float32 and leaves them integers in memory: as soon as another
 * backend takes the tensor over, their bits are read as numbers, and 1 is 1.4e-45.
 */
function repairCast(): void {
  const stock = kernelFunction('Cast', 'cpu');
  replaceKernel<'x', { dtype: tf.DataType }>('Cast', 'cpu', (call) => {
    const { x } = call.inputs;
    const isWhole = x.dtype === 'int32' || x.dtype === 'bool';
    if (call.attrs.dtype !== 'float32' || !isWhole) return stock(call as Call<string, never>);
    const backend = call.backend as tf.MathBackendCPU;
    const values = backend.readSync(x.dataId) as Int32Array | Uint8Array;
    return backend.makeTensorInfo(x.shape, 'float32', Float32Array.from(values));
  });
}

/** Replaces the kernels of the cpu backend that are wrong. */
export function repairCpuKernels(): void {
  repairScatterUpdate();
  repairCast();
  repairBatches('cpu');
  repairEinsumKernel('cpu');
  repairStridedSlice('cpu');
  refuseMisfits('cpu');
}
