import * as tf from '@tensorflow/tfjs';
import { apart, between, type Case, call, signed } from './case';

type Reduce = (x: tf.Tensor, axis?: number | number[], keepDims?: boolean) => tf.Tensor;

const reductions: [string, Reduce][] = [
  ['logSumExp', tf.logSumExp],
  ['max', tf.max],
  ['mean', tf.mean],
  ['min', tf.min],
  ['prod', tf.prod],
  ['sum', tf.sum],
  ['euclideanNorm', (x, axis, keep) => tf.euclideanNorm(x, axis, keep)],
];

type Scan = (x: tf.Tensor, axis: number, exclusive: boolean, reverse: boolean) => tf.Tensor;

const scans: [string, Scan][] = [
  ['cumprod', tf.cumprod],
  ['cumsum', tf.cumsum],
];

const joined = (...parts: tf.Tensor[]) => tf.concat(parts.map((part) => tf.reshape(part, [-1])));
const asNumbers = (x: tf.Tensor) => tf.cast(x, 'float32');

/** Ops that take axes together, or walk along one. Shapes are square, so that mixed-up axes show. */
export const reductions_: Case[] = [
  ...reductions.flatMap(([op, f]) => [
    call(op, [apart(3, 3)], (x) => f(x)),
    call(op, [apart(2, 2, 2)], (x) => f(x, 0), 'first axis'),
    call(op, [apart(2, 2, 2)], (x) => f(x, [0, 2]), 'two axes'),
    call(op, [apart(2, 2, 2)], (x) => f(x, 1, true), 'axis kept'),
  ]),
  ...scans.flatMap(([op, f]) =>
    [false, true].flatMap((exclusive) =>
      [false, true].flatMap((reverse) =>
        [0, 1].map((axis) =>
          call(
            op,
            [signed(3, 3)],
            (x) => f(x, axis, exclusive, reverse),
            `axis ${axis}${exclusive ? ' exclusive' : ''}${reverse ? ' reversed' : ''}`,
          ),
        ),
      ),
    ),
  ),
  call('cumprod', [signed(3)], (x) => tf.cumprod(tf.mul(x, tf.tensor1d([1, 0, 1]))), 'a zero'),
  call('prod', [signed(3)], (x) => tf.prod(tf.mul(x, tf.tensor1d([1, 0, 1]))), 'a zero'),
  call('prod', [signed(4)], (x) => tf.prod(tf.mul(x, tf.tensor1d([1, 0, 0, 1]))), 'two zeros'),
  call('moments', [signed(3, 4)], (x) => {
    const { mean, variance } = tf.moments(x, 0);
    return joined(mean, variance);
  }),
  call('norm', [signed(3, 3)], (x) => tf.norm(x)),
  call('norm', [signed(3, 3)], (x) => tf.norm(x, 1), 'one'),
  call('norm', [signed(3, 3)], (x) => tf.norm(x, 2, 0), 'two'),
  call('norm', [apart(3, 3)], (x) => tf.norm(x, Number.POSITIVE_INFINITY), 'infinity'),
  call('norm', [apart(3, 3)], (x) => tf.norm(x, Number.NEGATIVE_INFINITY), 'least'),
  call('norm', [signed(3, 3)], (x) => tf.norm(x, 'fro', [0, 1]), 'Frobenius'),
  call('softmax', [signed(3, 4)], (x) => tf.softmax(x)),
  call('logSoftmax', [signed(3, 4)], (x) => tf.logSoftmax(x)),
  call('logSoftmax', [signed(2, 3, 4)], (x) => tf.logSoftmax(x), 'rank 3'),
  call('topk', [apart(3, 4)], (x) => tf.topk(x, 2).values),
  call('topk', [apart(6)], (x) => tf.topk(x, 3).values, 'a vector'),
  call('all', [signed(3, 3)], (x) => tf.mul(asNumbers(tf.all(tf.greater(x, -9), 0)), x)),
  call('any', [signed(3, 3)], (x) => tf.mul(asNumbers(tf.any(tf.greater(x, 0), 0)), x)),
  call('argMax', [apart(3, 3)], (x) => tf.mul(asNumbers(tf.argMax(x, 0)), x)),
  call('argMin', [apart(3, 3)], (x) => tf.mul(asNumbers(tf.argMin(x, 0)), x)),
  call('bincount', [between(0.5, 2, 5)], (w) =>
    tf.bincount(tf.tensor1d([0, 2, 2, 1, 7], 'int32'), w as tf.Tensor1D, 4),
  ),
  call('denseBincount', [between(0.5, 2, 2, 3)], (w) =>
    tf.denseBincount(tf.tensor2d([0, 2, 2, 1, 7, 1], [2, 3], 'int32'), w as tf.Tensor2D, 4),
  ),
  call('unsortedSegmentSum', [signed(4, 2)], (x) =>
    tf.unsortedSegmentSum(x, tf.tensor1d([2, 0, 2, 1], 'int32'), 4),
  ),
  call('sparse.sparseSegmentSum', [signed(4, 2)], (x) =>
    tf.sparse.sparseSegmentSum(
      x,
      tf.tensor1d([3, 0, 3, 1], 'int32'),
      tf.tensor1d([0, 0, 1, 1], 'int32'),
    ),
  ),
  call('sparse.sparseSegmentMean', [signed(4, 2)], (x) =>
    tf.sparse.sparseSegmentMean(
      x,
      tf.tensor1d([3, 0, 3, 1, 2], 'int32'),
      tf.tensor1d([0, 0, 1, 1, 1], 'int32'),
    ),
  ),
];
