import type * as tf from '@tensorflow/tfjs';
import {
  addKernel,
  type Call,
  kernelFunction,
  replaceKernel,
  reshaped,
} from '../../kernels/kernel';
import { isLong } from '../../kernels/long-products';
import { type Multiply, systemMultiply } from '../blas';
import { multiplyOn } from '../products';
import { byCpu } from './by-cpu';
import {
  convolve,
  derivativeForFilter,
  derivativeForInput,
  eachTerm,
  type Forward,
  type Sum,
  spaceOf,
  type ToFilter,
  type ToInput,
} from './convolutions-by-blas';
import { isFiniteThroughout } from './finite';
import { floats, type Heap, zeros } from './heap';
import { runsOn } from './runs';
import { isTable, seenBy, tableOf } from './tables';
import { type Convolution, convolutionSpace } from './window';

/** A matrix product by the kernel at hand. */
function multiplied(
  backend: tf.KernelBackend,
  a: tf.TensorInfo,
  b: tf.TensorInfo,
  attrs: { transposeA: boolean; transposeB: boolean },
): tf.TensorInfo {
  const product = kernelFunction('BatchMatMul', 'wasm');
  return product({ inputs: { a, b }, attrs: attrs, backend }) as tf.TensorInfo;
}

/** The convolution without BLAS, of what the window saw. */
function convolveTable({ inputs: { x, filter }, attrs, backend }: Call<'x' | 'filter', Forward>) {
  const space = spaceOf(x, filter.shape, attrs);
  const seen = isTable(x) ? x : tableOf(backend as Heap, x, space);
  const [rows, weights] = [asRows(seen), asRows(filter)];
  const product = multiplied(backend, rows, weights, { transposeA: false, transposeB: false });
  if (seen !== x) backend.disposeData(seen.dataId);
  return reshaped(product, space.outShape);
}

/** Whether the window of a filter is so large that its sum in float32 would lose digits. */
const isWide = (filter: tf.TensorInfo) =>
  isLong(filter.shape.slice(0, -1).reduce((a, b) => a * b, 1));

/** The derivative for the filter without BLAS: what the window saw, times dy. */
function backpropFilter({ inputs: { x, dy }, attrs, backend }: Call<'x' | 'dy', ToFilter>) {
  const { filterShape } = attrs;
  const seen = isTable(x) ? x : tableOf(backend as Heap, x, spaceOf(x, filterShape, attrs));
  const [rows, slopes] = [asRows(seen), asRows(dy)];
  const product = multiplied(backend, rows, slopes, { transposeA: true, transposeB: false });
  if (seen !== x) backend.disposeData(seen.dataId);
  return reshaped(product, filterShape);
}

/** A tensor as a batch of one matrix, with rows as long as its last axis. */
function asRows(x: tf.TensorInfo): tf.TensorInfo {
  const { length } = x.shape;
  const rows = x.shape.slice(0, length - 1).reduce((a, b) => a * b, 1);
  return reshaped(x, [1, rows, x.shape[length - 1]!]);
}

/** The derivative for the input without BLAS: dy times filter, added to where the window saw it. */
function backpropInput({ inputs, attrs, backend }: Call<'dy' | 'filter', ToInput>) {
  const heap = backend as Heap;
  const { dy, filter } = inputs;
  const { inputShape } = attrs;
  const space = convolutionSpace(inputShape, filter.shape, attrs);
  const [slopes, weights] = [asRows(dy), asRows(filter)];
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

/** Replaces the kernel, and adds one for a sum of several. */
function register<I extends string, A extends Convolution>(
  kernelName: string,
  { inputs: names, byBlas, otherwise }: Bilinear<I, A>,
): void {
  const summed = (sum: Sum<A>): tf.TensorInfo => {
    const multiply = systemMultiply() ?? multiplyOn(sum.backend as Heap);
    const meetsPadding = kernelName in padded && meetsZeros(sum);
    if (isPlain(sum.attrs) && !meetsPadding) return byBlas(multiply, sum);
    const terms: tf.TensorInfo[] = [];
    eachTerm(sum.inputs, (...both) => {
      const inputs = Object.fromEntries(names.map((name, i) => [name, both[i]]));
      const call = { ...sum, inputs: inputs as Call<I, A>['inputs'] };
      const attrs = { dilations: 1, ...sum.attrs };
      const onCpu = () => byCpu(kernelName, { ...call, attrs }) as tf.TensorInfo;
      terms.push(meetsPadding ? onCpu() : otherwise(call));
    });
    return terms.reduce((a, b) => added(sum.backend, a, b));
  };
  replaceKernel<I, A>(kernelName, 'wasm', (call) =>
    summed({ ...call, inputs: names.map((name) => call.inputs[name]) }),
  );
  addKernel(`${kernelName}Sum`, 'wasm', summed);
}

/** Kernels that multiply what the window sees, which is 0 in the padding, by their second input. */
const padded = { Conv2D: true, Conv2DBackpropFilter: true };

/** Whether zeros of the padding would meet ∞ or NaN, whose product is NaN: cpu leaves them out. */
function meetsZeros<A extends Convolution>({ inputs, attrs, backend }: Sum<A>): boolean {
  if (attrs.pad === 'valid' || attrs.pad === 0) return false;
  let [found, tables] = [false, false];
  eachTerm(inputs, (x, factor) => {
    tables ||= isTable(x);
    found ||= !isFiniteThroughout(backend as Heap, factor);
  });
  return found && !tables;
}

/** The sum of two tensors, which are used up. */
function added(backend: tf.KernelBackend, a: tf.TensorInfo, b: tf.TensorInfo): tf.TensorInfo {
  const add = kernelFunction('Add', 'wasm');
  const sum = add({ inputs: { a, b }, attrs: {}, backend }) as tf.TensorInfo;
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
 * `Conv2DBackpropInputSum` compute it in one. They take the inputs of all terms in a list. In the
 * place of an image x may stand the table of what the window sees of it, from `Conv2DSeen`, with the
 * shape of x among the attributes. None has a gradient: nothing that is recorded may use them.
 */
export function repairConvolutionKernels(): void {
  const stock = kernelFunction('Conv2D', 'wasm');
  register('Conv2D', {
    inputs: ['x', 'filter'],
    byBlas: convolve,
    otherwise: (call) =>
      isTable(call.inputs.x) || (isWide(call.inputs.filter) && isPlain(call.attrs))
        ? convolveTable(call)
        : // As the transpose of another kernel it comes without dilations.
          (stock({ ...call, attrs: { dilations: 1, ...call.attrs } }) as tf.TensorInfo),
  });
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
  replaceKernel('Conv2DSeen', 'wasm', ({ inputs: { x }, attrs, backend }: Call<'x', ToFilter>) =>
    tableOf(backend as Heap, x, spaceOf(x, attrs.filterShape, attrs)),
  );
}
