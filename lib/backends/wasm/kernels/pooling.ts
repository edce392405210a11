import type * as tf from '@tensorflow/tfjs';
import { type Call, kernelFunction, replaceKernel } from '../../kernels/kernel';
import { isFiniteThroughout } from './finite';
import { floats, type Heap, zeros } from './heap';
import { maxima } from './maxima';
import { addAt, take } from './places';
import { type Pool, poolSpace } from './window';

/** The derivative of a maximum goes to its position. */
function maxPoolGrad({ inputs: { dy, input }, attrs, backend }: Call<'dy' | 'input', Pool>) {
  const heap = backend as Heap;
  const places = maxima(heap, input, poolSpace(input.shape, attrs));
  const dx = zeros(heap, input.shape);
  addAt(heap, dx, places, dy);
  heap.disposeData(places.dataId);
  return dx;
}

/** The maxima over images or volumes; NaN is not one. */
function maxPool({ inputs: { x }, attrs, backend }: Call<'x', Pool>): tf.TensorInfo {
  const heap = backend as Heap;
  const places = maxima(heap, x, poolSpace(x.shape, attrs));
  const out = heap.makeOutput(places.shape, 'float32');
  take(heap, x, places, out);
  heap.disposeData(places.dataId);
  return out;
}

type Argmax = Call<'x', Pool & { includeBatchInIndex: boolean }>;

/** The maxima over images or volumes, and where they are. */
function maxPoolWithArgmax({ inputs: { x }, attrs, backend }: Argmax): tf.TensorInfo[] {
  const heap = backend as Heap;
  const indices = maxima(heap, x, poolSpace(x.shape, attrs));
  const values = heap.makeOutput(indices.shape, 'float32');
  take(heap, x, indices, values);
  if (!attrs.includeBatchInIndex) {
    const image = floats(heap, x).length / x.shape[0]!;
    const places = heap.typedArrayFromHeap(indices);
    for (let o = 0; o < places.length; o++) places[o]! %= image;
  }
  return [values, indices];
}

function takeAt({ inputs: { x, places }, backend }: Call<'x' | 'places', object>): tf.TensorInfo {
  const heap = backend as Heap;
  const out = heap.makeOutput(places.shape, 'float32');
  take(heap, x, places, out);
  return out;
}

type AddAt = Call<'x' | 'places', { shape: number[] }>;

function addedAt({ inputs: { x, places }, attrs, backend }: AddAt): tf.TensorInfo {
  const heap = backend as Heap;
  const out = zeros(heap, attrs.shape);
  addAt(heap, out, places, x);
  return out;
}

/**
 * Pools, whose stock kernels start from the least positive number, so that no maximum is negative, or
 * over images forget the maximum before a NaN.
 *
 * Two kernels are added that the backend does not have: `TakeAt`, the numbers of x at flat places in
 * it, and its transpose `AddAt`, which adds numbers to zeros at places. They have no gradient:
 * nothing that is recorded may use them.
 */
export function repairPools(): void {
  const stock = kernelFunction('MaxPool', 'wasm');
  replaceKernel('MaxPool', 'wasm', (call: Call<'x', Pool>) => {
    const { x } = call.inputs;
    return x.dtype === 'float32' && !isFiniteThroughout(call.backend as Heap, x)
      ? maxPool(call)
      : stock(call);
  });
  replaceKernel('MaxPoolGrad', 'wasm', maxPoolGrad);
  replaceKernel('MaxPool3DGrad', 'wasm', maxPoolGrad);
  replaceKernel('MaxPool3D', 'wasm', maxPool);
  replaceKernel('MaxPoolWithArgmax', 'wasm', maxPoolWithArgmax);
  replaceKernel('TakeAt', 'wasm', takeAt);
  replaceKernel('AddAt', 'wasm', addedAt);
}
