import * as tf from '@tensorflow/tfjs';
import { type Call, kernelFunction, replaceKernel, reshaped } from '../../kernels/kernel';
import { floats, type Heap, zeros } from './heap';
import { type Arrangement, gather, scatter } from './runs';
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
 * What the window sees as a table of [outputs, places · channels]: a line of the window is a run of
 * neighbours in the input too, less what lies in the padding.
 */
function seenBy({ batch, channels, depth, height, width }: Space): Arrangement {
  const run = width.size * channels;
  return {
    name: JSON.stringify([channels, depth, height, width]),
    images: batch,
    each(visit) {
      let row = 0;
      for (let d = 0; d < depth.outputs; d++) {
        for (let h = 0; h < height.outputs; h++) {
          for (let w = 0; w < width.outputs; w++) {
            const first = w * width.stride - width.before;
            const begin = Math.max(0, first);
            const lead = (begin - first) * channels;
            const inside = (Math.min(width.length, first + width.size) - begin) * channels;
            for (let i = 0; i < depth.size; i++) {
              const z = d * depth.stride - depth.before + i;
              for (let j = 0; j < height.size; j++, row += run) {
                const y = h * height.stride - height.before + j;
                if (z < 0 || z >= depth.length || y < 0 || y >= height.length) continue;
                const line = (z * height.length + y) * width.length;
                visit(row + lead, (line + begin) * channels, inside);
              }
            }
          }
        }
      }
    },
  };
}

const size = (shape: number[]) => shape.reduce((a, b) => a * b, 1);

function multiply(
  backend: tf.KernelBackend,
  a: tf.TensorInfo,
  b: tf.TensorInfo,
  attrs: { transposeA: boolean; transposeB: boolean },
): tf.TensorInfo {
  const product = kernelFunction('BatchMatMul', 'wasm');
  return product({ inputs: { a, b }, attrs: attrs as never, backend }) as tf.TensorInfo;
}

type ToFilter = Call<'x' | 'dy', Convolution & { filterShape: number[] }>;

/** The derivative for the filter: what the window saw, times dy. */
function backpropFilter({ inputs: { x, dy }, attrs, backend }: ToFilter): tf.TensorInfo {
  const heap = backend as Heap;
  const { filterShape } = attrs;
  const outputs = filterShape[filterShape.length - 1]!;
  const places = size(filterShape) / outputs;
  const pixels = size(dy.shape) / outputs;
  const seen = zeros(heap, [1, pixels, places]);
  gather(heap, x, seen, seenBy(spaceOf(x.shape, filterShape, attrs)));
  const slopes = reshaped(dy, [1, pixels, outputs]);
  const product = multiply(backend, seen, slopes, { transposeA: true, transposeB: false });
  backend.disposeData(seen.dataId);
  return reshaped(product, filterShape);
}

type ToInput = Call<'dy' | 'filter', Convolution & { inputShape: number[] }>;

/** The derivative for the input: dy times filter, added to where the window saw it. */
function backpropInput({ inputs: { dy, filter }, attrs, backend }: ToInput): tf.TensorInfo {
  const heap = backend as Heap;
  const { inputShape } = attrs;
  const outputs = filter.shape[filter.shape.length - 1]!;
  const places = size(filter.shape) / outputs;
  const pixels = size(dy.shape) / outputs;
  const slopes = reshaped(dy, [1, pixels, outputs]);
  const weights = reshaped(filter, [1, places, outputs]);
  const table = multiply(backend, slopes, weights, { transposeA: false, transposeB: true });
  const out = zeros(heap, inputShape);
  scatter(heap, table, out, seenBy(spaceOf(inputShape, filter.shape, attrs)));
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
