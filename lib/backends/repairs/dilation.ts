import * as tf from '@tensorflow/tfjs';
import { unrecorded } from '../unrecorded';
import { differentiate, positions, scatterTo } from './gradient';
import { placesOf, type Window, windows } from './windows';

interface Attributes {
  strides: number | [number, number];
  pad: 'same' | 'valid' | number;
  dilations: number | [number, number];
}

function windowsOf(x: tf.Tensor, filter: tf.Tensor, attributes: Attributes): Window[] {
  const info = tf.backend_util.computeDilation2DInfo(
    x.shape as [number, number, number, number],
    filter.shape as [number, number, number],
    attributes.strides,
    attributes.pad as 'same',
    'NHWC',
    attributes.dilations,
  );
  const vertical = {
    size: info.filterHeight,
    stride: info.strideHeight,
    dilation: info.dilationHeight,
    before: info.padInfo.top,
    outputs: info.outHeight,
  };
  const horizontal = {
    size: info.filterWidth,
    stride: info.strideWidth,
    dilation: info.dilationWidth,
    before: info.padInfo.left,
    outputs: info.outWidth,
  };
  return [vertical, horizontal];
}

/** Where in x the maxima are. */
function maxima(x: tf.Tensor, filter: tf.Tensor, y: tf.Tensor, axes: Window[]): tf.Tensor {
  return unrecorded(() => {
    const weights = tf.unstack(tf.reshape(filter, [-1, filter.shape[2]!]));
    const seen = windows(x, axes, Number.NEGATIVE_INFINITY);
    const sums = seen.map((part, k) => tf.add(part, weights[k]!));
    return placesOf(y, sums, x, axes);
  });
}

/**
 * y = max over the window of x + w: the derivative goes to the first place that attains it.
 *
 * The stock kernels for it have no derivative themselves, and are wrong on wasm.
 */
export function repairDilation(): void {
  differentiate<Attributes>('Dilation2D', {
    inputs: ['x', 'filter'],
    output: true,
    gradient: (dy, [x, filter, y], attributes) => {
      const axes = windowsOf(x!, filter!, attributes);
      return {
        x: () => scatterTo(maxima(x!, filter!, y!, axes), dy, x!.shape),
        filter: () => {
          const places = maxima(x!, filter!, y!, axes);
          const seen = unrecorded(() => windows(positions(x!.shape), axes, -1));
          const sums = seen.map((part) => {
            const taken = unrecorded(() => tf.cast(tf.equal(part, places), 'float32'));
            return tf.sum(tf.mul(dy, taken), [0, 1, 2]);
          });
          return tf.reshape(tf.stack(sums), filter!.shape);
        },
      };
    },
  });
}
