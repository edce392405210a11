import type * as tf from '@tensorflow/tfjs';
import { kernelFunction } from '../../kernels/kernel';
import type { Heap } from '../kernels/heap';

/** An input or output of a kernel: how numbers at an address are to be read. */
export interface Described {
  shape: readonly number[];
  dtype: tf.DataType;
}

/** A kernel of the backend with its arguments other than addresses. */
export interface KernelCall {
  kernel: string;
  /** By their names; a list where these are 0, 1, … */
  inputs: readonly (Described & { name: string })[];
  attrs: tf.NamedAttrMap;
  /** Which of its results is wanted. */
  output: number;
}

/**
 * Runs a kernel on numbers at addresses; what it makes is the caller's. Its inputs are known to the
 * backend for as long as it runs, and under new names each time: kernels keep what they made of an
 * input by its name.
 */
export function runKernelAt(
  heap: Heap,
  { kernel, inputs, attrs, output }: KernelCall,
  addresses: readonly number[],
): tf.TensorInfo {
  const given = inputs.map(({ shape, dtype }, i) =>
    heap.makeOutput([...shape], dtype, addresses[i]!),
  );
  try {
    const isList = inputs[0]?.name === '0';
    const named = Object.fromEntries(inputs.map(({ name }, i) => [name, given[i]!]));
    const results = kernelFunction(
      kernel,
      'wasm',
    )({
      inputs: isList ? (given as typeof given & Record<string, tf.TensorInfo>) : named,
      attrs,
      backend: heap,
    });
    const all = Array.isArray(results) ? results : [results];
    all.forEach(({ dataId }, i) => {
      if (i !== output) heap.disposeData(dataId);
    });
    const result = all[output]!;
    const isGiven = given.some(({ dataId }) => dataId === result.dataId);
    return isGiven ? copied(heap, result) : result;
  } finally {
    for (const { dataId } of given) forget(heap, dataId);
  }
}

function copied(heap: Heap, x: tf.TensorInfo): tf.TensorInfo {
  const out = heap.makeOutput(x.shape, x.dtype);
  heap.typedArrayFromHeap(out).set(heap.typedArrayFromHeap(x));
  return out;
}

/** Lets go of a name without the numbers, which are not the backend's to free. */
function forget(heap: Heap, dataId: tf.DataId): void {
  heap.wasm.tfjs.disposeData(heap.dataIdMap.get(dataId).id);
  heap.dataIdMap.delete(dataId);
}
