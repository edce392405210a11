import type * as tf from '@tensorflow/tfjs';
import { InputError } from '../../errors';
import { kernelFunction, replaceKernel } from './kernel';

interface Along {
  axis: number;
  exclusive: boolean;
  reverse: boolean;
}

/** The axis as a place from 0 on. */
function placeOf(axis: number, rank: number): number {
  if (Number.isInteger(axis) && axis >= -rank && axis < rank) return axis < 0 ? axis + rank : axis;
  throw new InputError({
    given: `the axis ${axis} for a tensor of rank ${rank}`,
    expected: `a whole number from ${-rank} to ${rank - 1}`,
    remedy: 'Count axes from 0, or from the end: −1 is the last.',
  });
}

/**
 * Running sums and products along an axis counted from the end, and of a scalar.
 *
 * The stock kernels take an axis as it is: −1 gives a tensor without a shape on cpu, writes beyond
 * its memory on wasm, and does not compile on webgpu; of a scalar they give 0, or what is in memory.
 */
export function repairScans(backendName: string): void {
  for (const kernelName of ['Cumsum', 'Cumprod']) {
    const stock = kernelFunction(kernelName, backendName);
    replaceKernel<'x', Along>(kernelName, backendName, (call) => {
      const { inputs, attrs } = call;
      const { shape } = inputs.x;
      const compute = (x: tf.TensorInfo, axis: number) =>
        stock({ ...call, inputs: { x }, attrs: { ...attrs, axis } }) as tf.TensorInfo;
      if (shape.length > 0) return compute(inputs.x, placeOf(attrs.axis, shape.length));
      return { ...compute({ ...inputs.x, shape: [1] }, 0), shape };
    });
  }
}
