import * as tf from '@tensorflow/tfjs';
import { engine } from '../engine';
import { differentiate } from './gradient';

/** The attributes that one kernel of a convolution hands on to the others. */
type Shared = tf.NamedAttrMap;

/** The three kernels between an image x, a filter w and a result y: each is linear in two of them. */
interface Family {
  forward: string;
  toInput: string;
  toFilter: string;
  /** Axes of space: the first ones of the filter. */
  axes: number;
}

const ones = (n: number): number[] => Array(n).fill(1);

const families: Family[] = [
  { forward: 'Conv2D', toInput: 'Conv2DBackpropInput', toFilter: 'Conv2DBackpropFilter', axes: 2 },
  {
    forward: 'Conv3D',
    toInput: 'Conv3DBackpropInputV2',
    toFilter: 'Conv3DBackpropFilterV2',
    axes: 3,
  },
  {
    forward: 'DepthwiseConv2dNative',
    toInput: 'DepthwiseConv2dNativeBackpropInput',
    toFilter: 'DepthwiseConv2dNativeBackpropFilter',
    axes: 2,
  },
];

/** How many zeros a dilated filter has between its elements, one more, along each axis of space. */
function dilationsOf({ dilations }: Shared, axes: number): number[] {
  if (dilations === undefined || dilations === null) return Array(axes).fill(1);
  return typeof dilations === 'number' ? Array(axes).fill(dilations) : (dilations as number[]);
}

/** A filter with its zeros written out. */
function spread(filter: tf.Tensor, dilations: number[]): tf.Tensor {
  return dilations.reduce((f, d, axis) => {
    if (d === 1) return f;
    const n = f.shape[axis]!;
    const split = [...f.shape.slice(0, axis + 1), 1, ...f.shape.slice(axis + 1)];
    const margins = split.map((_, i): [number, number] => (i === axis + 1 ? [0, d - 1] : [0, 0]));
    const merged = f.shape.map((m, i) => (i === axis ? n * d : m));
    const kept = f.shape.map((m, i) => (i === axis ? (n - 1) * d + 1 : m));
    const apart = tf.reshape(tf.pad(tf.reshape(f, split), margins), merged);
    return tf.slice(apart, Array(kept.length).fill(0), kept);
  }, filter);
}

/** The elements of a spread filter that are not among its zeros. */
function gathered(filter: tf.Tensor, dilations: number[]): tf.Tensor {
  return dilations.reduce((f, d, axis) => {
    if (d === 1) return f;
    const places = tf.range(0, f.shape[axis]!, d, 'int32') as tf.Tensor1D;
    return tf.gather(f, places, axis);
  }, filter);
}

/**
 * ⟨y, conv(x, w)⟩ is linear in x, w and y: whatever is differentiated, the answer is again one of
 * the three kernels. TensorFlow.js knows this only for the first derivative, and for the kernel
 * Conv2DBackpropInput; it refuses a dilated filter, which is a filter with zeros written in.
 */
function repairFamily({ forward, toInput, toFilter, axes }: Family) {
  const run = engine();
  const convolve = (x: tf.Tensor, filter: tf.Tensor, shared: Shared) => () =>
    run.runKernel(forward, { x, filter }, { dataFormat: 'NHWC', ...shared, dilations: ones(axes) });
  const pullInput = (x: tf.Tensor, filter: tf.Tensor, dy: tf.Tensor, shared: Shared) => () =>
    run.runKernel(toInput, { dy, filter }, { ...shared, inputShape: x.shape });
  const pullFilter = (x: tf.Tensor, filter: number[], dy: tf.Tensor, shared: Shared) => () =>
    run.runKernel(toFilter, { x, dy }, { ...shared, filterShape: filter });

  differentiate<Shared>(forward, {
    inputs: ['x', 'filter'],
    gradient: (dy, [x, filter], attributes) => {
      const dilations = dilationsOf(attributes, axes);
      const shared = { ...attributes, dilations: ones(axes) };
      const shape = filter!.shape.map((n, i) => (n - 1) * (dilations[i] ?? 1) + 1);
      return {
        x: () => pullInput(x!, spread(filter!, dilations), dy, shared)(),
        filter: () => gathered(pullFilter(x!, shape, dy, shared)(), dilations),
      };
    },
  });
  differentiate<Shared>(toInput, {
    inputs: ['dy', 'filter'],
    gradient: (dx, [dy, filter], { inputShape: _, ...shared }) => ({
      dy: convolve(dx, filter!, shared),
      filter: pullFilter(dx, filter!.shape, dy!, shared),
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

/** Convolutions, their derivatives, and the derivatives of those. */
export function repairConvolutions(): void {
  families.forEach(repairFamily);
}
