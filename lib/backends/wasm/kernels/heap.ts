import type * as tf from '@tensorflow/tfjs';
import type { NumberStore } from '../../kernels/long-sums';

/** The parts of the build that manage its memory: threaded builds import it, others export it. */
interface HeapModule {
  wasmMemory?: WebAssembly.Memory;
  asm: { memory?: WebAssembly.Memory };
  _malloc(bytes: number): number;
  _free(address: number): void;
  tfjs: { disposeData(id: number): void };
}

/** The parts of the wasm backend that kernels work with. */
export interface Heap extends tf.KernelBackend {
  /** Memory for a result, not cleared; or a name for what is at an address. */
  makeOutput(shape: number[], dtype: tf.DataType, address?: number): tf.TensorInfo;
  /** A tensor's numbers in place: valid until the next allocation, which may move the heap. */
  typedArrayFromHeap(x: tf.TensorInfo): Float32Array | Int32Array | Uint8Array;
  wasm: HeapModule;
  dataIdMap: {
    get(dataId: tf.DataId): { id: number; dtype: tf.DataType };
    delete(dataId: tf.DataId): boolean;
  };
}

/** The memory that the backend's tensors are in; its buffer is another one after it has grown. */
export const memoryOf = ({ wasm }: Heap): WebAssembly.Memory => wasm.wasmMemory ?? wasm.asm.memory!;

/** What is made for each heap when it is first asked for, such as functions on its memory. */
export function perHeap<T>(make: (heap: Heap) => T): (heap: Heap) => T {
  const made = new WeakMap<Heap, { value: T }>();
  return (heap) => {
    const known = made.get(heap);
    if (known !== undefined) return known.value;
    const value = make(heap);
    made.set(heap, { value });
    return value;
  };
}

/** A float32 tensor's numbers in place. */
export const floats = (heap: Heap, x: tf.TensorInfo) => heap.typedArrayFromHeap(x) as Float32Array;

/** A result that starts at zero. */
export function zeros(heap: Heap, shape: number[], dtype: tf.DataType = 'float32'): tf.TensorInfo {
  const out = heap.makeOutput(shape, dtype);
  heap.typedArrayFromHeap(out).fill(0);
  return out;
}

/** The same data once more, without a copy. */
export function shared(heap: Heap, x: tf.TensorInfo): tf.TensorInfo {
  heap.incRef(x.dataId);
  return { dataId: x.dataId, shape: x.shape, dtype: x.dtype };
}

/** The tensors on the heap. */
export const heapStore = (backend: tf.KernelBackend): NumberStore => {
  const heap = backend as Heap;
  return {
    read: (x) => heap.typedArrayFromHeap(x) as Float32Array | Int32Array,
    make(shape, values) {
      const out = heap.makeOutput(shape, 'float32');
      floats(heap, out).set(values);
      return out;
    },
  };
};
