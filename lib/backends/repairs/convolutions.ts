import type * as tf from '@tensorflow/tfjs';
import { engine } from '../engine';
import { differentiate } from './gradient';

/** The attributes that one kernel of a convolution hands on to the others. */
type Shared = tf.NamedAttrMap;

/** The three kernels between an image x, a filter w and a result y: each is linear in two of them. */
interface Family {
  forward: string;
  toInput: string;
  toFilter: string;
}

const families: Family[] = [
  { forward: 'Conv2D', toInput: 'Conv2DBackpropInput', toFilter: 'Conv2DBackpropFilter' },
  { forward: 'Conv3D', toInput: 'Conv3DBackpropInputV2', toFilter: 'Conv3DBackpropFilterV2' },
  {
    forward: 'DepthwiseConv2dNative',
    toInput: 'DepthwiseConv2dNativeBackpropInput',
    toFilter: 'DepthwiseConv2dNativeBackpropFilter',
  },
];

/**
 * ⟨y, conv(x, w)⟩ is linear in x, w and y: whatever is differentiated, the answer is again one of
 * the three kernels. TensorFlow.js knows this only for the first derivative, and for the kernel
 * Conv2DBackpropInput.
 */
function repairFamily({ forward, toInput, toFilter }: Family) {
  const run = engine();
  const convolve = (x: tf.Tensor, filter: tf.Tensor, shared: Shared) => () =>
    run.runKernel(forward, { x, filter }, { dataFormat: 'NHWC', dilations: 1, ...shared });
  const pullInput = (x: tf.Tensor, filter: tf.Tensor, dy: tf.Tensor, shared: Shared) => () =>
    run.runKernel(toInput, { dy, filter }, { ...shared, inputShape: x.shape });
  const pullFilter = (x: tf.Tensor, filter: tf.Tensor, dy: tf.Tensor, shared: Shared) => () =>
    run.runKernel(toFilter, { x, dy }, { ...shared, filterShape: filter.shape });
  differentiate<Shared>(toInput, {
    inputs: ['dy', 'filter'],
    gradient: (dx, [dy, filter], { inputShape: _, ...shared }) => ({
      dy: convolve(dx, filter!, shared),
      filter: pullFilter(dx, filter!, dy!, shared),
    }),
  });
  differentiate<Shared>(toFilter, {
    inputs: ['x', 'dy'],
    gradient: (dw, [x, dy], { filterShape: _, ...shared }) => ({
      x: pullInput(x!, dw, dy!, shared),
      dy: convolve(x!, dw, shared),
    }),
  });
}

/** Derivatives of the derivatives of convolutions. */
export function repairConvolutions(): void {
  families.forEach(repairFamily);
}
