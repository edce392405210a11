import * as tf from '@tensorflow/tfjs';
import type { Maker } from './draws';

/** Windows over images. */
export const windows: Record<string, Maker> = {
  conv2d: (d) => {
    const c = d.length();
    const pad = d.one(['same', 'valid', 1] as const);
    const strides = d.one<number | [number, number]>([1, 2, [1, 3], 4]);
    const x = d.tensor([d.length(), 1 + d.below(6), d.length(), c]);
    const filter = d.tensor([1 + d.below(3), 1 + d.below(3), c, d.length()], d.type(), false);
    return {
      inputs: [x, filter],
      f: (a, w) => tf.conv2d(a as tf.Tensor4D, w as tf.Tensor4D, strides, pad),
    };
  },
  'fused.conv2d': (d) => {
    const [c, out] = [d.length(), d.length()];
    const x = d.tensor([d.length(), 1 + d.below(6), d.length(), c]);
    const filter = d.tensor([1 + d.below(3), 1 + d.below(3), c, out], d.type(), false);
    const activation = d.one(['linear', 'relu', 'sigmoid'] as const);
    return {
      inputs: [x, filter, d.tensor([out], 'float32')],
      f: (a, w, bias) =>
        tf.fused.conv2d({
          x: a as tf.Tensor4D,
          filter: w as tf.Tensor4D,
          strides: 1,
          pad: 'same',
          bias: bias!,
          activation,
        }),
    };
  },
  depthwiseConv2d: (d) => {
    const c = d.length();
    const x = d.tensor([d.length(), 1 + d.below(6), d.length(), c]);
    const filter = d.tensor([1 + d.below(3), 1 + d.below(3), c, d.length()], d.type(), false);
    const pad = d.one(['same', 'valid'] as const);
    return {
      inputs: [x, filter],
      f: (a, w) => tf.depthwiseConv2d(a as tf.Tensor4D, w as tf.Tensor4D, 1, pad),
    };
  },
  conv2dTranspose: (d) => {
    const [c, out] = [d.length(), d.length()];
    const [n, h, w] = [d.length(), d.length(), d.length()];
    return {
      inputs: [d.tensor([n, h, w, c]), d.tensor([2, 2, out, c], d.type(), false)],
      f: (a, b) =>
        tf.conv2dTranspose(a as tf.Tensor4D, b as tf.Tensor4D, [n, 2 * h, 2 * w, out], 2, 'same'),
    };
  },
  conv1d: (d) => {
    const c = d.length();
    return {
      inputs: [
        d.tensor([d.length(), 1 + d.below(6), c]),
        d.tensor([2, c, d.length()], d.type(), false),
      ],
      f: (a, w) => tf.conv1d(a as tf.Tensor3D, w as tf.Tensor3D, 1, 'same'),
    };
  },
  conv3d: (d) => {
    const c = d.length();
    return {
      inputs: [
        d.tensor([d.length(), 2, d.length(), 3, c]),
        d.tensor([2, 1, 2, c, d.length()], d.type(), false),
      ],
      f: (a, w) => tf.conv3d(a as tf.Tensor5D, w as tf.Tensor5D, 1, 'same'),
    };
  },
  dilation2d: (d) => {
    const c = d.length();
    return {
      inputs: [
        d.tensor([d.length(), 1 + d.below(6), d.length(), c], d.type(), false),
        d.tensor([2, 2, c], d.type(), false),
      ],
      f: (a, w) => tf.dilation2d(a as tf.Tensor4D, w as tf.Tensor3D, 1, 'same'),
    };
  },
  ...Object.fromEntries(
    Object.entries({ maxPool: tf.maxPool, avgPool: tf.avgPool }).map(([op, f]): [string, Maker] => [
      op,
      (d) => {
        const x = d.tensor([d.length(), 1 + d.below(6), d.length(), d.length()]);
        const [size, strides] = [1 + d.below(3), 1 + d.below(3)];
        const pad = d.one(['same', 'valid'] as const);
        return { inputs: [x], f: (a) => f(a as tf.Tensor4D, size, strides, pad) };
      },
    ]),
  ),
  ...Object.fromEntries(
    Object.entries({ maxPool3d: tf.maxPool3d, avgPool3d: tf.avgPool3d }).map(
      ([op, f]): [string, Maker] => [
        op,
        (d) => {
          // Where all of a window is NaN, cpu gives −∞.
          const shape = [d.length(), 2, 1 + d.below(3), d.length(), d.length()];
          const x = d.tensor(shape, d.type(), false);
          const pad = d.one(['same', 'valid'] as const);
          return { inputs: [x], f: (a) => f(a as tf.Tensor5D, 2, 1, pad) };
        },
      ],
    ),
  ),
  maxPoolWithArgmax: (d) => {
    const shape = [d.length(), 1 + d.below(6), d.length(), d.length()];
    const x = d.tensor(shape, d.type(), false);
    return {
      inputs: [x],
      f: (a) => {
        const { result, indexes } = tf.maxPoolWithArgmax(a as tf.Tensor4D, 2, 2, 'same');
        return [result!, indexes!];
      },
    };
  },
  localResponseNormalization: (d) => ({
    inputs: [d.tensor([d.length(), 2, d.length(), d.length()], d.type(), false)],
    f: (x) => tf.localResponseNormalization(x as tf.Tensor4D, 1, 1.5, 0.6, 0.75),
  }),
};
