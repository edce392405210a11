import * as tf from '@tensorflow/tfjs';
import { type Call, kernelFunction, replaceKernel } from '../../kernels/kernel';
import type { Convolution } from './window';

type Square = [number, number, number, number];

/** The padding that 'same' means, in numbers. */
function inNumbers(x: number[], filter: number[], attrs: Convolution): Convolution {
  const { padInfo } = tf.backend_util.computeConv2DInfo(
    x as Square,
    filter as Square,
    attrs.strides,
    (attrs.dilations ?? 1) as number | [number, number],
    'same',
    undefined,
    true,
  );
  const { top, bottom, left, right } = padInfo;
  return {
    ...attrs,
    pad: [
      [0, 0],
      [top, bottom],
      [left, right],
      [0, 0],
    ],
  };
}

/**
 * Convolutions with the padding 'same', where strides are so long that the last of the input is
 * skipped: the stock kernels work the padding out for themselves, and leave zeros where it would
 * have to be negative.
 */
export function repairSamePadding(): void {
  for (const kernel of ['Conv2D', 'FusedConv2D', 'DepthwiseConv2dNative', 'FusedDepthwiseConv2D']) {
    const stock = kernelFunction(kernel, 'wasm');
    replaceKernel(kernel, 'wasm', (call: Call<'x' | 'filter', Convolution>) => {
      const { inputs, attrs } = call;
      const isSame = attrs.pad === 'same' && attrs.dataFormat !== 'NCHW';
      const known = isSame ? inNumbers(inputs.x.shape, inputs.filter.shape, attrs) : attrs;
      return stock({ ...call, attrs: known });
    });
  }
}
