import * as tf from '@tensorflow/tfjs';
import { repairBatches } from '../kernels/batches';
import { repairEinsumKernel } from '../kernels/einsum';
import { type AnyCall, kernelFunction, replaceKernel, reshaped } from '../kernels/kernel';
import { repairScans } from '../kernels/scans';
import { repairStridedSlice } from '../kernels/strided-slice';
import { refuseMisfits } from '../kernels/windows';
import { guardWebgpuKernels } from './guard';
import { repairPower } from './power';
import { repairUnary } from './unary';

type Info = tf.TensorInfo;

const size = (shape: number[]) => shape.reduce((a, b) => a * b, 1);

function run(kernel: string, inputs: Record<string, Info>, attrs: object, call: AnyCall) {
  const compute = kernelFunction(kernel, 'webgpu');
  return compute({ inputs, attrs: attrs, backend: call.backend }) as Info;
}

/**
 * Pads of rank 5 and more, one axis after the other.
 *
 * The stock shader declares vectors of five and six elements, which do not exist; the result is
 * zeros.
 */
function repairPad() {
  const stock = kernelFunction('PadV2', 'webgpu');
  interface Attributes {
    paddings: [number, number][];
    constantValue: number;
  }
  replaceKernel<string, Attributes>('PadV2', 'webgpu', (call) => {
    const x = call.inputs.x!;
    if (x.shape.length < 5) return stock(call);
    const { paddings, constantValue } = call.attrs;
    let padded: Info | undefined;
    let shape = x.shape;
    paddings.forEach(([before, after], axis) => {
      if (before + after === 0) return;
      const head = size(shape.slice(0, axis));
      const tail = size(shape.slice(axis + 1));
      const previous = padded;
      padded = stock({
        inputs: { x: reshaped(previous ?? x, [head, shape[axis]!, tail]) },
        attrs: {
          paddings: [
            [0, 0],
            [before, after],
            [0, 0],
          ],
          constantValue,
        },
        backend: call.backend,
      }) as Info;
      if (previous) call.backend.disposeData(previous.dataId);
      shape = shape.map((n, i) => (i === axis ? n + before + after : n));
    });
    if (padded) return reshaped(padded, shape);
    call.backend.incRef(x.dataId);
    return reshaped(x, shape);
  });
}

/**
 * Casts to float32 that change the numbers in memory, not their name alone.
 *
 * Under the name only, a shader that copies elements as they are (a transpose) does not compile,
 * and leaves the result empty.
 */
function repairCast() {
  const stock = kernelFunction('Cast', 'webgpu');
  replaceKernel<string, { dtype: tf.DataType }>('Cast', 'webgpu', (call) => {
    const x = call.inputs.x!;
    const plain = call;
    const cast = stock(plain) as Info;
    const isRenamed = call.attrs.dtype === 'float32' && (x.dtype === 'int32' || x.dtype === 'bool');
    if (!isRenamed) return cast;
    const one = tf.scalar(1);
    try {
      return run('Multiply', { a: cast, b: one }, {}, plain);
    } finally {
      one.dispose();
      call.backend.disposeData(cast.dataId);
    }
  });
}

/**
 * Scans from the end, as scans from the start of what is reversed.
 *
 * The stock shader has the length of the axis written into it, but is kept under a name without
 * it: the second length that is used gets the first one's shader.
 */
function repairScan(kernel: 'Cumsum' | 'Cumprod') {
  const stock = kernelFunction(kernel, 'webgpu');
  interface Attributes {
    axis: number;
    exclusive: boolean;
    reverse: boolean;
  }
  replaceKernel<string, Attributes>(kernel, 'webgpu', (call) => {
    const plain = call;
    if (!call.attrs.reverse) return stock(plain);
    const { axis, exclusive } = call.attrs;
    const flip = (x: Info) => run('Reverse', { x }, { dims: [axis] }, plain);
    const flipped = flip(call.inputs.x!);
    const forward = { axis, exclusive, reverse: false };
    const scanned = stock({ ...plain, inputs: { x: flipped }, attrs: forward }) as Info;
    const result = flip(scanned);
    call.backend.disposeData(flipped.dataId);
    call.backend.disposeData(scanned.dataId);
    return result;
  });
}

/**
 * A softmax whose row is NaN where one of its numbers is, as it is elsewhere.
 *
 * The stock shader takes its maximum and its sum without the NaN, and leaves zeros next to it.
 */
function repairSoftmax() {
  const stock = kernelFunction('Softmax', 'webgpu');
  replaceKernel<string, { dim: number }>('Softmax', 'webgpu', (call) => {
    const plain = call;
    const y = stock(plain) as Info;
    const zero = tf.scalar(0);
    const sums = run('Sum', { x: y }, { axis: [y.shape.length - 1], keepDims: true }, plain);
    const nothing = run('Multiply', { a: sums, b: zero }, {}, plain);
    try {
      return run('Add', { a: y, b: nothing }, {}, plain);
    } finally {
      zero.dispose();
      for (const { dataId } of [y, sums, nothing]) call.backend.disposeData(dataId);
    }
  });
}

/**
 * Normalization that is NaN where a neighbour is, for every power.
 *
 * The stock shader takes the power by a logarithm, which does not return NaN for NaN on some drivers; for the
 * power 1 it divides.
 */
function repairNormalization() {
  interface Attributes {
    depthRadius: number;
    bias: number;
    alpha: number;
    beta: number;
  }
  const stock = kernelFunction('LRN', 'webgpu');
  replaceKernel<string, Attributes>('LRN', 'webgpu', (call) => {
    const plain = call;
    const y = stock(plain) as Info;
    if (call.attrs.beta === 1 || call.attrs.beta === 0.5) return y;
    const byOne = stock({ ...plain, attrs: { ...call.attrs, beta: 1 } }) as Info;
    const condition = run('IsNan', { x: byOne }, {}, plain);
    try {
      return run('Select', { condition, t: byOne, e: y }, {}, plain);
    } finally {
      for (const { dataId } of [y, byOne, condition]) call.backend.disposeData(dataId);
    }
  });
}

/**
 * Which numbers occur, as how often they occur and 1 where that is more: the stock shader for it does not
 * compile, and leaves zeros.
 */
function repairBinaryCount() {
  const stock = kernelFunction('DenseBincount', 'webgpu');
  replaceKernel<string, { size: number; binaryOutput: boolean }>(
    'DenseBincount',
    'webgpu',
    (call) => {
      if (!call.attrs.binaryOutput) return stock(call);
      const [none, one] = [tf.tensor1d([], 'float32'), tf.scalar(1)];
      const attrs = { ...call.attrs, binaryOutput: false };
      const counts = stock({ ...call, attrs, inputs: { ...call.inputs, weights: none } }) as Info;
      try {
        return run('Minimum', { a: counts, b: one }, {}, call);
      } finally {
        tf.dispose([none, one]);
        call.backend.disposeData(counts.dataId);
      }
    },
  );
}

let done = false;

/** Replaces the kernels of the webgpu backend that are wrong, once it is imported. */
export function repairWebgpuKernels(): void {
  if (done) return;
  done = true;
  repairPad();
  repairCast();
  repairScan('Cumsum');
  repairScan('Cumprod');
  repairUnary();
  repairPower();
  repairBinaryCount();
  repairSoftmax();
  repairNormalization();
  repairStridedSlice('webgpu');
  guardWebgpuKernels();
  refuseMisfits('webgpu');
  repairBatches('webgpu');
  repairEinsumKernel('webgpu');
  repairScans('webgpu');
}
