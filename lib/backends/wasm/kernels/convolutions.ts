import * as tf from '@tensorflow/tfjs';
import { type Call, kernelFunction, replaceKernel, reshaped } from '../../kernels/kernel';
import { type Multiply, systemMultiply } from '../blas';
import {
  convolve,
  derivativeForFilter,
  derivativeForInput,
  eachTerm,
  type Sum,
  type ToFilter,
  type ToInput,
} from './convolutions-by-blas';
import { floats, type Heap, zeros } from './heap';
import { runsOn } from './runs';
import { seenBy, tableSize } from './tables';
import { type Convolution, convolutionSpace } from './window';

/** A product of matrices by the kernel at hand. */
function multiplied(
  backend: tf.KernelBackend,
  a: tf.TensorInfo,
  b: tf.TensorInfo,
  attrs: { transposeA: boolean; transposeB: boolean },
): tf.TensorInfo {
  const product = kernelFunction('BatchMatMul', 'wasm');
  return product({ inputs: { a, b }, attrs: attrs as never, backend }) as tf.TensorInfo;
}

/** The derivative for the filter without BLAS: what the window saw, times dy. */
function backpropFilter({ inputs: { x, dy }, attrs, backend }: Call<'x' | 'dy', ToFilter>) {
  const heap = backend as Heap;
  const { filterShape } = attrs;
  const space = convolutionSpace(x.shape, filterShape, attrs);
  const { outputs, places } = tableSize(space);
  const rows = space.batch * outputs;
  const runs = runsOn(heap, seenBy(space));
  const seen = zeros(heap, [1, rows, places]);
  runs.gather(floats(heap, x), floats(heap, seen), space.batch);
  const slopes = reshaped(dy, [1, rows, filterShape[filterShape.length - 1]!]);
  const product = multiplied(backend, seen, slopes, { transposeA: true, transposeB: false });
  backend.disposeData(seen.dataId);
  return reshaped(product, filterShape);
}

/** The derivative for the input without BLAS: dy times filter, added to where the window saw it. */
function backpropInput({ inputs, attrs, backend }: Call<'dy' | 'filter', ToInput>) {
  const heap = backend as Heap;
  const { dy, filter } = inputs;
  const { inputShape } = attrs;
  const space = convolutionSpace(inputShape, filter.shape, attrs);
  const { outputs, places } = tableSize(space);
  const channels = filter.shape[filter.shape.length - 1]!;
  const slopes = reshaped(dy, [1, space.batch * outputs, channels]);
  const weights = reshaped(filter, [1, places, channels]);
  const table = multiplied(backend, slopes, weights, { transposeA: false, transposeB: true });
  const runs = runsOn(heap, seenBy(space));
  const out = zeros(heap, inputShape);
  runs.scatter(floats(heap, table), floats(heap, out), space.batch);
  backend.disposeData(table.dataId);
  return out;
}

/** A kernel that is linear in each of two inputs, with BLAS and without. */
interface Bilinear<I extends string, A> {
  inputs: [I, I];
  byBlas(multiply: Multiply, sum: Sum<A>): tf.TensorInfo;
  otherwise(call: Call<I, A>): tf.TensorInfo;
}

/** Puts the kernel in its place, and beside it one for a sum of several. */
function register<I extends string, A extends Convolution>(
  kernelName: string,
  { inputs: names, byBlas, otherwise }: Bilinear<I, A>,
): void {
  const summed = (sum: Sum<A>): tf.TensorInfo => {
    const multiply = systemMultiply();
    if (multiply !== undefined && isPlain(sum.attrs)) return byBlas(multiply, sum);
    const terms: tf.TensorInfo[] = [];
    eachTerm(sum.inputs, (...both) => {
      const inputs = Object.fromEntries(names.map((name, i) => [name, both[i]]));
      terms.push(otherwise({ ...sum, inputs: inputs as Call<I, A>['inputs'] }));
    });
    return terms.reduce((a, b) => added(sum.backend, a, b));
  };
  replaceKernel<I, A>(kernelName, 'wasm', (call) =>
    summed({ ...call, inputs: names.map((name) => call.inputs[name]) }),
  );
  tf.registerKernel({
    kernelName: `${kernelName}Sum`,
    backendName: 'wasm',
    kernelFunc: summed as unknown as tf.KernelFunc,
  });
}

/** The sum of two tensors, which are used up. */
function added(backend: tf.KernelBackend, a: tf.TensorInfo, b: tf.TensorInfo): tf.TensorInfo {
  const add = kernelFunction('Add', 'wasm');
  const sum = add({ inputs: { a, b }, attrs: {} as never, backend }) as tf.TensorInfo;
  for (const { dataId } of [a, b]) backend.disposeData(dataId);
  return sum;
}

const isPlain = ({ dilations = 1, dataFormat }: Convolution) =>
  dataFormat !== 'NCHW' && [dilations].flat().every((dilation) => dilation === 1);

/**
 * Convolutions, which are slow, and their derivatives, which are missing, wrong (over volumes) or
 * slow.
 *
 * The product rule makes a sum of two of each; `Conv2DSum`, `Conv2DBackpropFilterSum` and
 * `Conv2DBackpropInputSum` compute it in one. They take the inputs of all terms in a list, and have
 * no gradient: nothing that is recorded may use them.
 */
export function repairConvolutionKernels(): void {
  const stock = kernelFunction('Conv2D', 'wasm') as unknown as (
    call: Call<'x' | 'filter', Convolution>,
  ) => tf.TensorInfo;
  register('Conv2D', { inputs: ['x', 'filter'], byBlas: convolve, otherwise: stock });
  for (const kernel of ['Conv2DBackpropFilter', 'Conv3DBackpropFilterV2']) {
    register(kernel, {
      inputs: ['x', 'dy'],
      byBlas: derivativeForFilter,
      otherwise: backpropFilter,
    });
  }
  for (const kernel of ['Conv2DBackpropInput', 'Conv3DBackpropInputV2']) {
    register(kernel, {
      inputs: ['dy', 'filter'],
      byBlas: derivativeForInput,
      otherwise: backpropInput,
    });
  }
}
