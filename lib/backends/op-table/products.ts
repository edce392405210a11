import * as tf from '@tensorflow/tfjs';
import { apart, type Case, call, signed } from './case';

const yesNo = [false, true];
const image = (x: tf.Tensor) => x as tf.Tensor4D;
const volume = (x: tf.Tensor) => x as tf.Tensor5D;

/** Ops that multiply and sum: matrices, convolutions, pools, recurrent cells. */
export const products: Case[] = [
  ...yesNo.flatMap((ta) =>
    yesNo.map((tb) =>
      call(
        'matMul',
        [signed(...(ta ? [3, 2] : [2, 3])), signed(...(tb ? [4, 3] : [3, 4]))],
        (a, b) => tf.matMul(a, b, ta, tb),
        `${ta ? 'aᵀ' : 'a'} ${tb ? 'bᵀ' : 'b'}`,
      ),
    ),
  ),
  call('matMul', [signed(2, 2, 3), signed(2, 3, 2)], (a, b) => tf.matMul(a, b), 'batches'),
  call(
    'matMul',
    [signed(2, 2, 3), signed(2, 2, 3)],
    (a, b) => tf.matMul(a, b, false, true),
    'batches a bᵀ',
  ),
  call(
    'matMul',
    [signed(2, 3, 2), signed(2, 2, 3)],
    (a, b) => tf.matMul(a, b, true, true),
    'batches aᵀ bᵀ',
  ),
  call(
    'matMul',
    [signed(2, 2, 3), signed(1, 3, 2)],
    (a, b) => tf.matMul(a, b),
    'a batch broadcast',
  ),
  call('matMul', [signed(2, 2, 3), signed(3, 2)], (a, b) => tf.matMul(a, b), 'ranks 3 and 2'),
  call(
    'matMul',
    [signed(1, 3, 2), signed(2, 3, 2)],
    (a, b) => tf.matMul(a, b, true),
    'first broadcast aᵀ',
  ),
  call('dot', [signed(4), signed(4)], (a, b) => tf.dot(a, b)),
  call('dot', [signed(3, 4), signed(4)], (a, b) => tf.dot(a, b), 'matrix and vector'),
  call('outerProduct', [signed(3), signed(2)], (a, b) =>
    tf.outerProduct(a as tf.Tensor1D, b as tf.Tensor1D),
  ),
  call('einsum', [signed(2, 3), signed(3, 4)], (a, b) => tf.einsum('ij,jk->ik', a, b)),
  call('einsum', [signed(2, 3), signed(2, 3)], (a, b) => tf.einsum('ij,ij->i', a, b), 'rows'),
  call(
    'einsum',
    [signed(2, 3), signed(4)],
    (a, b) => tf.einsum('ij,k->ki', a, b),
    'a letter alone',
  ),
  call(
    'einsum',
    [signed(2, 2, 3), signed(2, 3, 2)],
    (a, b) => tf.einsum('bij,bjk->bki', a, b),
    'batches',
  ),
  call('einsum', [signed(3, 3)], (a) => tf.einsum('ij->ji', a), 'one operand'),
  call('einsum', [signed(3, 2)], (a) => tf.einsum('ij->j', a), 'one operand summed'),
  call('fused.matMul', [signed(2, 3), signed(3, 2), signed(2)], (a, b, bias) =>
    tf.fused.matMul({ a: a as tf.Tensor2D, b: b as tf.Tensor2D, bias }),
  ),
  call(
    'fused.matMul',
    [signed(3, 2), signed(2, 3), signed(2)],
    (a, b, bias) =>
      tf.fused.matMul({ a, b, transposeA: true, transposeB: true, bias, activation: 'relu' }),
    'relu aᵀ bᵀ',
  ),
  call('fused.conv2d', [signed(1, 3, 3, 2), signed(2, 2, 2, 2), signed(2)], (x, filter, bias) =>
    tf.fused.conv2d({ x: image(x), filter: image(filter), strides: 1, pad: 'same', bias }),
  ),
  call(
    'fused.depthwiseConv2d',
    [signed(1, 3, 3, 2), signed(2, 2, 2, 1), signed(2)],
    (x, filter, bias) =>
      tf.fused.depthwiseConv2d({
        x: image(x),
        filter: image(filter),
        strides: 1,
        pad: 'same',
        bias,
        activation: 'elu',
      }),
  ),
  call('conv1d', [signed(2, 5, 2), signed(2, 2, 3)], (x, f) =>
    tf.conv1d(x as tf.Tensor3D, f as tf.Tensor3D, 2, 'same'),
  ),
  call('conv2d', [signed(2, 4, 4, 2), signed(3, 3, 2, 2)], (x, f) =>
    tf.conv2d(image(x), image(f), 1, 'same'),
  ),
  call(
    'conv2d',
    [signed(1, 5, 5, 2), signed(2, 2, 2, 3)],
    (x, f) => tf.conv2d(image(x), image(f), 2, 'valid'),
    'stride 2',
  ),
  call(
    'conv2d',
    [signed(1, 5, 4, 2), signed(3, 2, 2, 2)],
    (x, f) => tf.conv2d(image(x), image(f), [2, 1], 'same'),
    'uneven',
  ),
  call(
    'conv2d',
    [signed(1, 3, 3, 2), signed(2, 2, 2, 2)],
    (x, f) => tf.conv2d(image(x), image(f), 1, 1),
    'padding 1',
  ),
  call(
    'conv2d',
    [signed(1, 4, 4, 2), signed(1, 1, 2, 3)],
    (x, f) => tf.conv2d(image(x), image(f), 1, 'valid'),
    'one by one',
  ),
  call(
    'conv2d',
    [signed(1, 5, 5, 1), signed(2, 2, 1, 2)],
    (x, f) => tf.conv2d(image(x), image(f), 1, 'same', 'NHWC', 2),
    'dilated',
  ),
  call('conv2dTranspose', [signed(1, 2, 2, 2), signed(3, 3, 2, 2)], (x, f) =>
    tf.conv2dTranspose(image(x), image(f), [1, 4, 4, 2], 2, 'same'),
  ),
  call('conv3d', [signed(1, 3, 3, 3, 2), signed(2, 2, 2, 2, 2)], (x, f) =>
    tf.conv3d(volume(x), volume(f), 1, 'same'),
  ),
  call(
    'conv3d',
    [signed(1, 3, 4, 3, 1), signed(2, 2, 2, 1, 2)],
    (x, f) => tf.conv3d(volume(x), volume(f), [1, 2, 1], 'valid'),
    'stride',
  ),
  call('conv3dTranspose', [signed(1, 2, 2, 2, 2), signed(2, 2, 2, 1, 2)], (x, f) =>
    tf.conv3dTranspose(volume(x), volume(f), [1, 4, 4, 4, 1], 2, 'same'),
  ),
  call('depthwiseConv2d', [signed(2, 4, 4, 2), signed(3, 3, 2, 2)], (x, f) =>
    tf.depthwiseConv2d(image(x), image(f), 1, 'same'),
  ),
  call(
    'depthwiseConv2d',
    [signed(1, 5, 5, 2), signed(2, 2, 2, 1)],
    (x, f) => tf.depthwiseConv2d(image(x), image(f), 2, 'valid'),
    'stride 2',
  ),
  call(
    'depthwiseConv2d',
    [signed(1, 5, 5, 2), signed(2, 2, 2, 1)],
    (x, f) => tf.depthwiseConv2d(image(x), image(f), 1, 'same', 'NHWC', 2),
    'dilated',
  ),
  call('separableConv2d', [signed(1, 4, 4, 2), signed(2, 2, 2, 2), signed(1, 1, 4, 2)], (x, d, p) =>
    tf.separableConv2d(image(x), image(d), image(p), 1, 'same'),
  ),
  call('dilation2d', [apart(1, 4, 4, 2), signed(2, 2, 2)], (x, f) =>
    tf.dilation2d(image(x), f as tf.Tensor3D, 1, 'valid'),
  ),
  call(
    'dilation2d',
    [apart(2, 4, 4, 1), signed(2, 2, 1)],
    (x, f) => tf.dilation2d(image(x), f as tf.Tensor3D, 2, 'same'),
    'stride 2',
  ),
  call(
    'dilation2d',
    [apart(1, 4, 4, 1), signed(2, 2, 1)],
    (x, f) => tf.dilation2d(image(x), f as tf.Tensor3D, 1, 'same', [2, 2]),
    'dilated',
  ),
  call('avgPool', [signed(2, 4, 4, 2)], (x) => tf.avgPool(image(x), 2, 2, 'valid')),
  call('avgPool', [signed(1, 5, 5, 1)], (x) => tf.avgPool(image(x), 3, 2, 'same'), 'overlapping'),
  call('avgPool3d', [signed(1, 4, 4, 4, 1)], (x) => tf.avgPool3d(volume(x), 2, 2, 'valid')),
  call(
    'avgPool3d',
    [signed(1, 3, 3, 3, 1)],
    (x) => tf.avgPool3d(volume(x), 2, 1, 'same'),
    'overlapping',
  ),
  call('maxPool', [apart(2, 4, 4, 2)], (x) => tf.maxPool(image(x), 2, 2, 'valid')),
  call('maxPool', [apart(1, 5, 5, 2)], (x) => tf.maxPool(image(x), 3, 2, 'same'), 'overlapping'),
  call(
    'maxPool',
    [apart(1, 4, 4, 1)],
    (x) => tf.maxPool(image(tf.sub(x, 9)), 2, 2, 'same'),
    'all negative',
  ),
  call('maxPool3d', [apart(1, 4, 4, 4, 1)], (x) => tf.maxPool3d(volume(x), 2, 2, 'valid')),
  call(
    'maxPool3d',
    [apart(1, 3, 3, 3, 2)],
    (x) => tf.maxPool3d(volume(tf.sub(x, 9)), 2, 1, 'same'),
    'overlapping, negative',
  ),
  call(
    'maxPoolWithArgmax',
    [apart(2, 4, 4, 2)],
    (x) => tf.maxPoolWithArgmax(image(x), 2, 2, 'valid').result!,
  ),
  call('pool', [signed(1, 4, 4, 1)], (x) => tf.pool(image(x), 2, 'avg', 'valid', 1)),
  call(
    'pool',
    [apart(1, 5, 5, 1)],
    (x) => tf.pool(image(x), 2, 'max', 'same', [2, 2], 1),
    'max, dilated',
  ),
  call('localResponseNormalization', [signed(1, 2, 2, 5)], (x) =>
    tf.localResponseNormalization(image(x), 1, 1.5, 0.6, 0.75),
  ),
  call(
    'basicLSTMCell',
    [signed(5, 8), signed(8), signed(2, 3), signed(2, 2), signed(2, 2)],
    (k, b, x, c, h) =>
      tf.concat(
        tf.basicLSTMCell(
          tf.scalar(1),
          k as tf.Tensor2D,
          b as tf.Tensor1D,
          x as tf.Tensor2D,
          c as tf.Tensor2D,
          h as tf.Tensor2D,
        ),
      ),
  ),
  call(
    'multiRNNCell',
    [signed(5, 8), signed(8), signed(2, 3), signed(2, 2), signed(2, 2)],
    (k, b, x, c, h) => {
      const cell = (x: tf.Tensor2D, c: tf.Tensor2D, h: tf.Tensor2D) =>
        tf.basicLSTMCell(tf.scalar(1), k as tf.Tensor2D, b as tf.Tensor1D, x, c, h);
      const [cs, hs] = tf.multiRNNCell(
        [cell],
        x as tf.Tensor2D,
        [c as tf.Tensor2D],
        [h as tf.Tensor2D],
      );
      return tf.concat([...cs, ...hs]);
    },
  ),
  call(
    'linalg.gramSchmidt',
    [signed(3, 3)],
    (x) => tf.linalg.gramSchmidt(x as tf.Tensor2D) as tf.Tensor2D,
  ),
  call('linalg.qr', [signed(3, 3)], (x) => tf.concat(tf.linalg.qr(x))),
];
