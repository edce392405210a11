import type * as tf from '@tensorflow/tfjs';
import { type Call, kernelFunction, replaceKernel } from '../../kernels/kernel';
import type { Heap } from './heap';

interface Transposes {
  transposeA: boolean;
  transposeB: boolean;
}

type Product = Call<'a' | 'b', Transposes>;

/** A matrix, or a batch of them, with rows and columns exchanged. */
function transposed(x: tf.TensorInfo, backend: tf.KernelBackend): tf.TensorInfo {
  const rank = x.shape.length;
  const perm = x.shape.map((_, i) => i);
  [perm[rank - 2], perm[rank - 1]] = [rank - 1, rank - 2];
  const transpose = kernelFunction('Transpose', 'wasm');
  return transpose({ inputs: { x }, attrs: { perm } as never, backend }) as tf.TensorInfo;
}

/** The shape [rows, columns] that a tensor's memory was first multiplied with, as a right operand. */
const firstShapes = new WeakMap<tf.DataId, string>();

/**
 * A right operand in memory that was never multiplied in another shape.
 *
 * The build packs a right operand once and remembers it by its memory: the same numbers reshaped,
 * a row taken for a column, would be multiplied as they were the first time, or out of bounds.
 */
function rightOperand(b: tf.TensorInfo, heap: Heap): tf.TensorInfo {
  const shape = b.shape.slice(-2).join();
  const first = firstShapes.get(b.dataId);
  if (first === undefined) firstShapes.set(b.dataId, shape);
  if (first === undefined || first === shape) return b;
  const copy = heap.makeOutput(b.shape, b.dtype);
  heap.typedArrayFromHeap(copy).set(heap.typedArrayFromHeap(b));
  firstShapes.set(copy.dataId, shape);
  return copy;
}

/** Runs a kernel that multiplies on operands that suit it. */
function withSuitableOperands(kernelName: string) {
  const multiply = kernelFunction(kernelName, 'wasm');
  return ({ inputs, attrs, backend }: Product): tf.TensorInfo => {
    const { transposeA, transposeB } = attrs;
    const a = transposeA ? transposed(inputs.a, backend) : inputs.a;
    const b = transposeB ? transposed(inputs.b, backend) : rightOperand(inputs.b, backend as Heap);
    try {
      return multiply({
        inputs: { ...inputs, a, b },
        attrs: { ...attrs, transposeA: false, transposeB: false } as never,
        backend,
      }) as tf.TensorInfo;
    } finally {
      if (a !== inputs.a) backend.disposeData(a.dataId);
      if (b !== inputs.b) backend.disposeData(b.dataId);
    }
  };
}

/** Products of transposed matrices: the stock way is slow, and wrong where it is fused. */
export function repairMatrixProducts(): void {
  for (const kernel of ['BatchMatMul', '_FusedMatMul']) {
    replaceKernel(kernel, 'wasm', withSuitableOperands(kernel));
  }
}
