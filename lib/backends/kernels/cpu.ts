import type * as tf from '@tensorflow/tfjs';
import { repairBatches } from './batches';
import { repairEinsumKernel } from './einsum';
import { kernelFunction, replaceKernel } from './kernel';
import { repairLongProducts } from './long-products';
import { cpuStore, repairLongSums } from './long-sums';
import { repairScans } from './scans';
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
      return stock({ backend, attrs: {}, inputs: { ...call.inputs, tensor: copy } });
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
    if (call.attrs.dtype !== 'float32' || !isWhole) return stock(call);
    const backend = call.backend as tf.MathBackendCPU;
    const values = backend.readSync(x.dataId) as Int32Array | Uint8Array;
    return backend.makeTensorInfo(x.shape, 'float32', Float32Array.from(values));
  });
}

/** NaN first, then the greater; of equals the earlier. */
const before = (a: number, b: number) => {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(b)) - Number(Number.isNaN(a));
  return a === b ? 0 : b - a;
};

/** The stock kernel takes ∞ − ∞ for the order of two equal entries, and loses its way. */
function repairTopK(): void {
  const stock = kernelFunction('TopK', 'cpu');
  replaceKernel<'x', { k: number; sorted: boolean }>('TopK', 'cpu', (call) => {
    const { x } = call.inputs;
    const { k } = call.attrs;
    const backend = call.backend as tf.MathBackendCPU;
    const all = backend.readSync(x.dataId) as Float32Array;
    if (all.every(Number.isFinite) || k === 0) return stock(call);
    const length = x.shape.at(-1)!;
    const rows = all.length / length;
    const [values, places] = [new Float32Array(rows * k), new Int32Array(rows * k)];
    for (let row = 0; row < rows; row++) {
      const entries = all.subarray(row * length, (row + 1) * length);
      const order = [...entries.keys()].sort((i, j) => before(entries[i]!, entries[j]!) || i - j);
      for (let n = 0; n < k; n++) {
        places[row * k + n] = order[n]!;
        values[row * k + n] = entries[order[n]!]!;
      }
    }
    const shape = [...x.shape.slice(0, -1), k];
    return [
      backend.makeTensorInfo(shape, x.dtype, values),
      backend.makeTensorInfo(shape, 'int32', places),
    ];
  });
}

/** Replaces the kernels of the cpu backend that are wrong. */
export function repairCpuKernels(): void {
  repairScatterUpdate();
  repairCast();
  repairTopK();
  repairLongProducts();
  repairLongSums('cpu', cpuStore);
  repairBatches('cpu');
  repairEinsumKernel('cpu');
  repairScans('cpu');
  repairStridedSlice('cpu');
  refuseMisfits('cpu');
}
