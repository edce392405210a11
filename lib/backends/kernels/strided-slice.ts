import * as tf from '@tensorflow/tfjs';
import { kernelFunction, replaceKernel, reshaped } from './kernel';

/** The attributes of the kernel. */
export interface StridedSlice {
  begin: number[];
  end: number[];
  strides: number[];
  beginMask: number;
  endMask: number;
  ellipsisMask: number;
  newAxisMask: number;
  shrinkAxisMask: number;
}

/**
 * Slices that drop an axis and take steps along another.
 *
 * The stock kernels forget the dropped axis when they look the elements up, and read from the
 * start of the tensor. Here the axis is kept, one long, and dropped afterwards.
 */
export function repairStridedSlice(backendName: string): void {
  const stock = kernelFunction('StridedSlice', backendName);
  replaceKernel<'x', StridedSlice>('StridedSlice', backendName, (call) => {
    const { x } = call.inputs;
    const a = call.attrs;
    const run = (attrs: StridedSlice) => stock({ ...call, attrs: attrs }) as tf.TensorInfo;
    if (a.shrinkAxisMask === 0) return run(a);
    const { finalShape } = tf.slice_util.sliceInfo(
      x.shape,
      a.begin.slice(),
      a.end.slice(),
      a.strides.slice(),
      a.beginMask,
      a.endMask,
      a.ellipsisMask,
      a.newAxisMask,
      a.shrinkAxisMask,
    );
    const isDropped = (i: number) => ((a.shrinkAxisMask >> i) & 1) === 1;
    const last = a.begin.flatMap((b, i) => (isDropped(i) && b === -1 ? [1 << i] : []));
    const whole = run({
      ...a,
      end: a.end.map((e, i) => (isDropped(i) ? a.begin[i]! + 1 : e)),
      strides: a.strides.map((s, i) => (isDropped(i) ? 1 : s)),
      endMask: last.reduce((mask, bit) => mask | bit, a.endMask),
      shrinkAxisMask: 0,
    });
    return reshaped(whole, finalShape);
  });
}
