import * as tf from '@tensorflow/tfjs';
import { type Call, kernelFunction } from '../../kernels/kernel';
import { systemVectors } from '../blas';
import { floats, type Heap } from './heap';

/**
 * So many numbers at once stay in the nearest cache, and BLAS takes no second thread for them, which
 * would be slower to wake than the work is to do.
 */
const CHUNK = 8192;

type Two = Call<'x' | 'y', unknown>;
type Three = Call<'a' | 'x' | 'y', unknown>;

/**
 * Adds two kernels that the wasm backend does not have, for vectors of millions of parameters:
 * `VectorDot`, ⟨x, y⟩ as a scalar, and `VectorAxpy`, a x + y with a scalar a.
 *
 * Made of the stock kernels they pass over memory two and three times as often, and the stock sum is
 * a loop of single additions. They have no gradient: nothing that is recorded may use them.
 */
export function addVectorKernels(): void {
  const [multiply, add, sum] = ['Multiply', 'Add', 'Sum'].map((name) =>
    kernelFunction(name, 'wasm'),
  );
  const run = (
    kernel: typeof multiply,
    inputs: Record<string, tf.TensorInfo>,
    attrs: object,
    backend: tf.KernelBackend,
  ) => kernel!({ inputs, attrs: attrs as never, backend }) as tf.TensorInfo;

  register('VectorDot', ({ inputs: { x, y }, backend }: Two) => {
    const heap = backend as Heap;
    const blas = systemVectors();
    if (blas === undefined) {
      const products = run(multiply, { a: x, b: y }, {}, backend);
      const axis = x.shape.map((_, i) => i);
      const total = run(sum, { x: products }, { axis, keepDims: false }, backend);
      heap.disposeData(products.dataId);
      return total;
    }
    const out = heap.makeOutput([], 'float32');
    const [left, right] = [floats(heap, x), floats(heap, y)];
    let total = 0;
    for (let i = 0; i < left.length; i += CHUNK) {
      total += blas.dot(left.subarray(i, i + CHUNK), right.subarray(i, i + CHUNK));
    }
    floats(heap, out)[0] = total;
    return out;
  });

  register('VectorAxpy', ({ inputs: { a, x, y }, backend }: Three) => {
    const heap = backend as Heap;
    const blas = systemVectors();
    if (blas === undefined) {
      const scaled = run(multiply, { a, b: x }, {}, backend);
      const total = run(add, { a: scaled, b: y }, {}, backend);
      heap.disposeData(scaled.dataId);
      return total;
    }
    const out = heap.makeOutput(x.shape, 'float32');
    // Views are taken now, after the last allocation: an allocation may move the heap.
    const [factor, from, base, to] = [a, x, y, out].map((each) => floats(heap, each)) as [
      Float32Array,
      Float32Array,
      Float32Array,
      Float32Array,
    ];
    for (let i = 0; i < to.length; i += CHUNK) {
      const part = to.subarray(i, i + CHUNK);
      part.set(base.subarray(i, i + CHUNK));
      blas.axpy(factor[0]!, from.subarray(i, i + CHUNK), part);
    }
    return out;
  });
}

function register<I extends string>(
  kernelName: string,
  compute: (call: Call<I, unknown>) => tf.TensorInfo,
): void {
  const kernelFunc = compute as unknown as tf.KernelFunc;
  tf.registerKernel({ kernelName, backendName: 'wasm', kernelFunc });
}
