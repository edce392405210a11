import * as tf from '@tensorflow/tfjs';
import { logSoftmax, sigmoidCrossEntropy, softmaxCrossEntropy } from '../cross-entropy';
import { apart, between, type Case, call, type Draw, refused, signed } from './case';

const { losses, image } = tf;
const pixels = (x: tf.Tensor) => x as tf.Tensor4D;
const share = (...shape: number[]) => between(0.1, 0.9, ...shape);

/** Mean, variance, offset and scale of a batch normalization. */
const statistics: Draw[] = [signed(2), between(0.5, 2, 2), signed(2), signed(2)];

const complexOp = (op: string, f: (x: tf.Tensor) => tf.Tensor): Case =>
  refused(op, [signed(4)], f, 'Complex|FFT|Real|Imag');
const asComplex = (x: tf.Tensor) => tf.complex(x, tf.zerosLike(x));

/** Losses, normalizations, images, and signals. */
export const rest: Case[] = [
  call('losses.absoluteDifference', [apart(3), between(10, 11, 3)], (y, p) =>
    losses.absoluteDifference(y, p),
  ),
  call('losses.computeWeightedLoss', [signed(3, 2), share(3, 2)], (l, w) =>
    losses.computeWeightedLoss(l, w),
  ),
  call('losses.cosineDistance', [signed(3, 2), signed(3, 2)], (y, p) =>
    losses.cosineDistance(y, p, 1),
  ),
  call('losses.hingeLoss', [between(0.6, 0.9, 3, 2), between(0.1, 0.8, 3, 2)], (y, p) =>
    losses.hingeLoss(tf.round(y), p),
  ),
  call('losses.huberLoss', [between(0, 0.3, 4), apart(4)], (y, p) =>
    losses.huberLoss(y, p, undefined, 0.55),
  ),
  call('losses.logLoss', [share(3, 2), share(3, 2)], (y, p) => losses.logLoss(y, p)),
  call('losses.meanSquaredError', [signed(3, 2), signed(3, 2)], (y, p) =>
    losses.meanSquaredError(y, p),
  ),
  call('losses.sigmoidCrossEntropy', [share(3, 2), signed(3, 2)], (y, z) =>
    losses.sigmoidCrossEntropy(y, z),
  ),
  call(
    'losses.sigmoidCrossEntropy',
    [share(3, 2), signed(3, 2)],
    (y, z) => losses.sigmoidCrossEntropy(y, z, undefined, 0.2),
    'smoothed',
  ),
  call('losses.softmaxCrossEntropy', [share(3, 4), signed(3, 4)], (y, z) =>
    losses.softmaxCrossEntropy(y, z),
  ),
  call(
    'losses.softmaxCrossEntropy',
    [share(3, 4), signed(3, 4), share(3)],
    (y, z, w) => losses.softmaxCrossEntropy(y, z, w, 0.2),
    'weighted, smoothed',
  ),
  call('softmaxCrossEntropy', [share(3, 4), signed(3, 4)], softmaxCrossEntropy, "this library's"),
  call('sigmoidCrossEntropy', [share(3, 4), signed(3, 4)], sigmoidCrossEntropy, "this library's"),
  call('logSoftmax', [signed(2, 3, 4)], logSoftmax, "this library's"),
  call('batchNorm', [signed(3, 2), ...statistics], (x, m, v, o, s) =>
    tf.batchNorm(x, m as tf.Tensor1D, v as tf.Tensor1D, o as tf.Tensor1D, s as tf.Tensor1D),
  ),
  ...['without scale', 'without offset', 'alone'].map((variant) =>
    call(
      'batchNorm',
      [signed(3, 2), ...statistics],
      (x, m, v, o, s) =>
        tf.batchNorm(
          x,
          m as tf.Tensor1D,
          v as tf.Tensor1D,
          variant === 'without scale' ? (o as tf.Tensor1D) : undefined,
          variant === 'without offset' ? (s as tf.Tensor1D) : undefined,
        ),
      variant,
    ),
  ),
  call('batchNorm2d', [signed(3, 2), ...statistics], (x, m, v, o, s) =>
    tf.batchNorm2d(
      x as tf.Tensor2D,
      m as tf.Tensor1D,
      v as tf.Tensor1D,
      o as tf.Tensor1D,
      s as tf.Tensor1D,
    ),
  ),
  call('batchNorm3d', [signed(2, 2, 2), ...statistics], (x, m, v, o, s) =>
    tf.batchNorm3d(
      x as tf.Tensor3D,
      m as tf.Tensor1D,
      v as tf.Tensor1D,
      o as tf.Tensor1D,
      s as tf.Tensor1D,
    ),
  ),
  call('batchNorm4d', [signed(2, 2, 2, 2), ...statistics], (x, m, v, o, s) =>
    tf.batchNorm4d(
      pixels(x),
      m as tf.Tensor1D,
      v as tf.Tensor1D,
      o as tf.Tensor1D,
      s as tf.Tensor1D,
    ),
  ),
  ...[false, true].flatMap((alignCorners) =>
    [false, true]
      .filter((half) => !(half && alignCorners))
      .flatMap((half) => [
        call(
          'image.resizeBilinear',
          [signed(2, 3, 3, 2)],
          (x) => image.resizeBilinear(pixels(x), [5, 4], alignCorners, half),
          `larger${alignCorners ? ' corners' : ''}${half ? ' half pixels' : ''}`,
        ),
        call(
          'image.resizeBilinear',
          [signed(1, 5, 4, 1)],
          (x) => image.resizeBilinear(pixels(x), [3, 2], alignCorners, half),
          `smaller${alignCorners ? ' corners' : ''}${half ? ' half pixels' : ''}`,
        ),
        call(
          'image.resizeNearestNeighbor',
          [signed(2, 3, 3, 2)],
          (x) => image.resizeNearestNeighbor(pixels(x), [5, 4], alignCorners, half),
          `larger${alignCorners ? ' corners' : ''}${half ? ' half pixels' : ''}`,
        ),
        call(
          'image.resizeNearestNeighbor',
          [signed(1, 5, 4, 1)],
          (x) => image.resizeNearestNeighbor(pixels(x), [3, 2], alignCorners, half),
          `smaller${alignCorners ? ' corners' : ''}${half ? ' half pixels' : ''}`,
        ),
      ]),
  ),
  call('image.rgbToGrayscale', [signed(1, 2, 2, 3)], (x) => image.rgbToGrayscale(pixels(x))),
  refused(
    'image.rotateWithOffset',
    [signed(1, 3, 3, 1)],
    (x) => image.rotateWithOffset(pixels(x), 0.3),
    'RotateWithOffset',
  ),
  refused(
    'image.transform',
    [signed(1, 3, 3, 1)],
    (x) => image.transform(pixels(x), tf.tensor2d([[1, 0.1, 0, 0, 1, 0, 0, 0]])),
    'Transform',
  ),
  refused(
    'image.cropAndResize',
    [signed(1, 3, 3, 1)],
    (x) =>
      image.cropAndResize(
        pixels(x),
        tf.tensor2d([[0, 0, 0.8, 0.8]]),
        tf.tensor1d([0], 'int32'),
        [2, 2],
      ),
    'CropAndResize',
  ),
  complexOp('complex', (x) => tf.real(asComplex(x))),
  complexOp('real', (x) => tf.real(asComplex(x))),
  complexOp('imag', (x) => tf.imag(asComplex(x))),
  complexOp('fft', (x) => tf.real(tf.fft(asComplex(x)))),
  complexOp('ifft', (x) => tf.real(tf.ifft(asComplex(x)))),
  complexOp('rfft', (x) => tf.real(tf.rfft(x))),
  complexOp('irfft', (x) => tf.irfft(asComplex(x))),
  complexOp('signal.stft', (x) => tf.real(tf.signal.stft(x as tf.Tensor1D, 2, 1))),
];
