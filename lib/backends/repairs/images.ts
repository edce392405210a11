import * as tf from '@tensorflow/tfjs';
import { unrecorded } from '../unrecorded';
import { differentiate, positions, scatterTo } from './gradient';

interface Resize {
  alignCorners: boolean;
  halfPixelCenters: boolean;
  size: [number, number];
}

interface Normalization {
  depthRadius: number;
  bias: number;
  alpha: number;
  beta: number;
}

/** How much of each of `from` pixels goes into each of `to`, shape [to, from]. */
function mixing(from: number, to: number, { alignCorners, halfPixelCenters }: Resize): tf.Tensor2D {
  const scale = alignCorners && to > 1 ? (from - 1) / (to - 1) : from / to;
  const rows = Array.from({ length: to }, (_, i) => {
    const center = halfPixelCenters ? (i + 0.5) * scale - 0.5 : i * scale;
    const low = Math.max(0, Math.floor(center));
    const high = Math.min(from - 1, Math.ceil(center));
    const share = center - Math.floor(center);
    const row = new Array<number>(from).fill(0);
    row[low]! += 1 - share;
    row[high]! += share;
    return row;
  });
  return tf.tensor2d(rows, [to, from]);
}

/**
 * Each output pixel mixes input pixels, along rows and columns alike: Y = R X Cᵀ.
 *
 * The stock kernel swaps height and width on cpu, and ignores half pixels.
 */
function unmix(dy: tf.Tensor, images: tf.Tensor, resize: Resize): tf.Tensor {
  const [batch, height, width, channels] = images.shape as [number, number, number, number];
  const [, tall, wide] = dy.shape as [number, number, number, number];
  const rows = mixing(height, tall, resize);
  const columns = mixing(width, wide, resize);
  // The batch and its channels are columns of one product a direction.
  const upright = tf.reshape(tf.transpose(dy, [1, 0, 2, 3]), [tall, -1]);
  const short = tf.reshape(tf.matMul(rows, upright, true), [height, batch, wide, channels]);
  const across = tf.reshape(tf.transpose(short, [2, 1, 0, 3]), [wide, -1]);
  const narrow = tf.reshape(tf.matMul(columns, across, true), [width, batch, height, channels]);
  return tf.transpose(narrow, [1, 2, 0, 3]);
}

/** 1 where two channels lie within `radius` of each other, shape [channels, channels]. */
function band(channels: number, radius: number): tf.Tensor2D {
  const near = (i: number, j: number) => (Math.abs(i - j) <= radius ? 1 : 0);
  const rows = Array.from({ length: channels }, (_, i) =>
    Array.from({ length: channels }, (__, j) => near(i, j)),
  );
  return tf.tensor2d(rows, [channels, channels]);
}

/** Resizing, and normalization over neighbouring channels. */
export function repairImages(): void {
  differentiate<Resize>('ResizeBilinear', {
    inputs: ['images'],
    gradient: (dy, [images], resize) => ({ images: () => unmix(dy, images!, resize) }),
  });
  differentiate<Resize>('ResizeNearestNeighbor', {
    inputs: ['images'],
    gradient: (dy, [images], { size, alignCorners, halfPixelCenters }) => ({
      images: () => {
        const places = unrecorded(() =>
          tf.image.resizeNearestNeighbor(
            positions(images!.shape) as tf.Tensor4D,
            size,
            alignCorners,
            halfPixelCenters,
          ),
        );
        return scatterTo(tf.cast(places, 'int32'), dy, images!.shape);
      },
    }),
  });
  differentiate<Normalization>('LRN', {
    inputs: ['x'],
    gradient: (dy, [x], { depthRadius, bias, alpha, beta }) => ({
      x: () => {
        // y = x n^−β with n = bias + α Σ x² over the near channels, a product with a band matrix.
        const channels = x!.shape[3]!;
        const near = (t: tf.Tensor) =>
          tf.reshape(
            tf.matMul(tf.reshape(t, [-1, channels]), band(channels, depthRadius)),
            t.shape,
          );
        const n = tf.add(bias, tf.mul(alpha, near(tf.square(x!))));
        const direct = tf.mul(dy, tf.pow(n, -beta));
        const through = near(tf.mul(tf.mul(dy, x!), tf.pow(n, -beta - 1)));
        return tf.sub(direct, tf.mul(2 * alpha * beta, tf.mul(x!, through)));
      },
    }),
  });
}
