import * as tf from '@tensorflow/tfjs';
import { type Call, kernelFunction, replaceKernel, reshaped } from '../../kernels/kernel';
import { floats, type Heap, zeros } from './heap';
import { overImages, overVolumes, type Space } from './window';

interface Convolution {
  strides: number | [number, number];
  pad: 'same' | 'valid' | number;
  dimRoundingMode?: 'floor' | 'round' | 'ceil';
}

function spaceOf(x: number[], filter: number[], attrs: Convolution, depthwise = false): Space {
  if (x.length === 5) {
    return overVolumes(
      tf.backend_util.computeConv3DInfo(
        x as [number, number, number, number, number],
        filter as [number, number, number, number, number],
        attrs.strides as number,
        1,
        attrs.pad as 'same',
      ),
    );
  }
  return overImages(
    tf.backend_util.computeConv2DInfo(
      x as [number, number, number, number],
      filter as [number, number, number, number],
      attrs.strides as number,
      1,
      attrs.pad,
      attrs.dimRoundingMode,
      depthwise,
    ),
  );
}

/**
 * Visits what the window sees, line by line: where a line of outputs begins in a table of
 * [places · channels, outputs], and where its first input lies, or −1 where that is padding.
 */
function eachLine(
  { batch, channels, depth, height, width }: Space,
  visit: (row: number, input: number, shift: number) => void,
): void {
  let row = 0;
  for (let i = 0; i < depth.size; i++) {
    for (let j = 0; j < height.size; j++) {
      for (let k = 0; k < width.size; k++) {
        for (let c = 0; c < channels; c++) {
          for (let n = 0; n < batch; n++) {
            for (let d = 0; d < depth.outputs; d++) {
              const z = d * depth.stride - depth.before + i;
              for (let h = 0; h < height.outputs; h++, row += width.outputs) {
                const y = h * height.stride - height.before + j;
                const inside = z >= 0 && z < depth.length && y >= 0 && y < height.length;
                const line = ((n * depth.length + z) * height.length + y) * width.length;
                visit(row, inside ? line * channels + c : -1, k - width.before);
              }
            }
          }
        }
      }
    }
  }
}

/** Writes what the window sees into a table of [places · channels, outputs]. */
function gatherColumns(from: Float32Array, to: Float32Array, space: Space): void {
  const { channels, width } = space;
  eachLine(space, (row, line, shift) => {
    if (line < 0) {
      to.fill(0, row, row + width.outputs);
      return;
    }
    for (let w = 0, at = shift; w < width.outputs; w++, at += width.stride) {
      to[row + w] = at < 0 || at >= width.length ? 0 : from[line + at * channels]!;
    }
  });
}

/** Adds a table of [places · channels, outputs] to where the window saw it: the transpose. */
function scatterColumns(from: Float32Array, to: Float32Array, space: Space): void {
  const { channels, width } = space;
  eachLine(space, (row, line, shift) => {
    if (line < 0) return;
    for (let w = 0, at = shift; w < width.outputs; w++, at += width.stride) {
      if (at >= 0 && at < width.length) to[line + at * channels]! += from[row + w]!;
    }
  });
}

const size = (shape: number[]) => shape.reduce((a, b) => a * b, 1);

function multiply(
  backend: tf.KernelBackend,
  a: tf.TensorInfo,
  b: tf.TensorInfo,
  transposeB = false,
): tf.TensorInfo {
  const attrs = { transposeA: false, transposeB } as never;
  const product = kernelFunction('BatchMatMul', 'wasm');
  return product({ inputs: { a, b }, attrs, backend }) as tf.TensorInfo;
}

type ToFilter = Call<'x' | 'dy', Convolution & { filterShape: number[] }>;

/** The derivative for the filter: what the window saw, times dy. */
function backpropFilter({ inputs: { x, dy }, attrs, backend }: ToFilter): tf.TensorInfo {
  const heap = backend as Heap;
  const { filterShape } = attrs;
  const outputs = filterShape[filterShape.length - 1]!;
  const rows = size(filterShape) / outputs;
  const pixels = size(dy.shape) / outputs;
  const seen = heap.makeOutput([1, rows, pixels], 'float32');
  gatherColumns(floats(heap, x), floats(heap, seen), spaceOf(x.shape, filterShape, attrs));
  const product = multiply(backend, seen, reshaped(dy, [1, pixels, outputs]));
  backend.disposeData(seen.dataId);
  return reshaped(product, filterShape);
}

type ToInput = Call<'dy' | 'filter', Convolution & { inputShape: number[] }>;

/** The derivative for the input: filter times dy, added to where the window saw it. */
function backpropInput({ inputs: { dy, filter }, attrs, backend }: ToInput): tf.TensorInfo {
  const heap = backend as Heap;
  const { inputShape } = attrs;
  const outputs = filter.shape[filter.shape.length - 1]!;
  const rows = size(filter.shape) / outputs;
  const pixels = size(dy.shape) / outputs;
  const weights = reshaped(filter, [1, rows, outputs]);
  const table = multiply(backend, weights, reshaped(dy, [1, pixels, outputs]), true);
  const out = zeros(heap, inputShape);
  const space = spaceOf(inputShape, filter.shape, attrs);
  scatterColumns(floats(heap, table), floats(heap, out), space);
  backend.disposeData(table.dataId);
  return out;
}

/** Visits every product of a depthwise convolution: positions in x, in the filter and in y. */
function eachProduct(
  space: Space,
  multiplier: number,
  visit: (x: number, filter: number, y: number) => void,
): void {
  const { batch, channels, height, width } = space;
  for (let n = 0; n < batch; n++) {
    for (let h = 0; h < height.outputs; h++) {
      for (let w = 0; w < width.outputs; w++) {
        const out = ((n * height.outputs + h) * width.outputs + w) * channels * multiplier;
        for (let j = 0; j < height.size; j++) {
          const y = h * height.stride - height.before + j;
          if (y < 0 || y >= height.length) continue;
          for (let k = 0; k < width.size; k++) {
            const at = w * width.stride - width.before + k;
            if (at < 0 || at >= width.length) continue;
            const pixel = ((n * height.length + y) * width.length + at) * channels;
            const place = (j * width.size + k) * channels;
            for (let c = 0; c < channels; c++) {
              for (let m = 0; m < multiplier; m++) {
                visit(pixel + c, (place + c) * multiplier + m, out + c * multiplier + m);
              }
            }
          }
        }
      }
    }
  }
}

function depthwiseBackpropFilter({ inputs: { x, dy }, attrs, backend }: ToFilter): tf.TensorInfo {
  const heap = backend as Heap;
  const { filterShape } = attrs;
  const out = zeros(heap, filterShape);
  const [from, slopes, to] = [x, dy, out].map((t) => floats(heap, t)) as Float32Array[];
  eachProduct(spaceOf(x.shape, filterShape, attrs, true), filterShape[3]!, (p, f, y) => {
    to![f]! += from![p]! * slopes![y]!;
  });
  return out;
}

function depthwiseBackpropInput({ inputs, attrs, backend }: ToInput): tf.TensorInfo {
  const heap = backend as Heap;
  const { dy, filter } = inputs;
  const { inputShape } = attrs;
  const out = zeros(heap, inputShape);
  const [weights, slopes, to] = [filter, dy, out].map((t) => floats(heap, t)) as Float32Array[];
  eachProduct(spaceOf(inputShape, filter.shape, attrs, true), filter.shape[3]!, (p, f, y) => {
    to![p]! += weights![f]! * slopes![y]!;
  });
  return out;
}

/** Derivatives of convolutions that are missing, wrong (over volumes) or slow. */
export function repairConvolutionKernels(): void {
  for (const kernel of ['Conv2DBackpropFilter', 'Conv3DBackpropFilterV2']) {
    replaceKernel(kernel, 'wasm', backpropFilter);
  }
  for (const kernel of ['Conv2DBackpropInput', 'Conv3DBackpropInputV2']) {
    replaceKernel(kernel, 'wasm', backpropInput);
  }
  replaceKernel('DepthwiseConv2dNativeBackpropFilter', 'wasm', depthwiseBackpropFilter);
  replaceKernel('DepthwiseConv2dNativeBackpropInput', 'wasm', depthwiseBackpropInput);
}
