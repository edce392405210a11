import * as tf from '@tensorflow/tfjs';
import { apart, type Case, call, refused, signed } from './case';

const ints = (...values: number[]) => tf.tensor1d(values, 'int32');
const joined = (...parts: tf.Tensor[]) => tf.concat(parts.map((part) => tf.reshape(part, [-1])));

const ranks = [1, 2, 3, 4];
const shape = (rank: number) => [3, 2, 2, 2].slice(0, rank);
/** The functions of TensorFlow.js by their names, for rows that differ in the name alone. */
const tensors = tf as unknown as Record<string, (...args: unknown[]) => tf.Tensor>;

/** Ops that take, move, repeat or place elements without changing them. */
export const movement: Case[] = [
  call('batchToSpaceND', [signed(4, 2, 2, 1)], (x) =>
    tf.batchToSpaceND(
      x,
      [2, 2],
      [
        [0, 1],
        [1, 0],
      ],
    ),
  ),
  call('spaceToBatchND', [signed(1, 3, 3, 1)], (x) =>
    tf.spaceToBatchND(
      x,
      [2, 2],
      [
        [0, 1],
        [1, 0],
      ],
    ),
  ),
  call('broadcastTo', [signed(1, 3)], (x) => tf.broadcastTo(x, [2, 3])),
  call('concat', [signed(2, 2), signed(2, 2)], (a, b) => tf.concat([a, b])),
  call('concat', [signed(2, 2), signed(2, 2)], (a, b) => tf.concat([a, b], 1), 'second axis'),
  ...ranks.map((rank) =>
    call(`concat${rank}d`, [signed(...shape(rank)), signed(...shape(rank))], (a, b) =>
      tensors[`concat${rank}d`]!([a, b]),
    ),
  ),
  ...ranks.map((rank) =>
    call(`reverse${rank}d`, [signed(...shape(rank))], (x) =>
      rank === 1 ? tensors.reverse1d!(x) : tensors[`reverse${rank}d`]!(x, [0]),
    ),
  ),
  ...ranks.map((rank) =>
    call(`slice${rank}d`, [signed(...shape(rank))], (x) =>
      rank === 1
        ? tensors.slice1d!(x, 1, 2)
        : tensors[`slice${rank}d`]!(
            x,
            [1, ...Array(rank - 1).fill(0)],
            shape(rank).map((n, i) => (i ? n : 2)),
          ),
    ),
  ),
  ...ranks.map((rank) =>
    call(`pad${rank}d`, [signed(...shape(rank))], (x) =>
      rank === 1
        ? tensors.pad1d!(x, [1, 2], 3)
        : tensors[`pad${rank}d`]!(
            x,
            Array.from({ length: rank }, (_, i) => [i % 2, 1]),
            3,
          ),
    ),
  ),
  call('depthToSpace', [signed(1, 2, 2, 8)], (x) => tf.depthToSpace(x as tf.Tensor4D, 2)),
  call('diag', [signed(4)], (x) => tf.diag(x)),
  call('diag', [signed(2, 2)], (x) => tf.diag(x), 'a matrix'),
  call('expandDims', [signed(2, 3)], (x) => tf.expandDims(x, 1)),
  call('gather', [signed(4, 3)], (x) => tf.gather(x, ints(2, 0, 2))),
  call('gather', [signed(3, 3)], (x) => tf.gather(x, ints(2, 0, 2), 1), 'second axis'),
  call(
    'gather',
    [signed(2, 3, 2)],
    (x) => tf.gather(x, tf.tensor2d([2, 0, 1, 1], [2, 2], 'int32'), 1, 1),
    'batched',
  ),
  call(
    'gather',
    [signed(2, 4, 2)],
    (x) => tf.gather(x, tf.tensor2d([0, 3, 0, 2, 2, 1], [2, 3], 'int32'), 1, 1),
    'batched, more of each than there are batches',
  ),
  call(
    'gather',
    [apart(4)],
    (x) => tf.mul(tf.gather(tf.square(x), tf.cast(tf.argMax(x), 'int32')), x),
    'indices that depend on x',
  ),
  call('gatherND', [signed(3, 3)], (x) =>
    tf.gatherND(x, tf.tensor2d([0, 1, 2, 2, 0, 1], [3, 2], 'int32')),
  ),
  call(
    'gatherND',
    [signed(3, 2)],
    (x) => tf.gatherND(x, tf.tensor2d([2, 0], [2, 1], 'int32')),
    'rows',
  ),
  call('mirrorPad', [signed(3, 3)], (x) =>
    tf.mirrorPad(
      x,
      [
        [1, 2],
        [2, 0],
      ],
      'reflect',
    ),
  ),
  call(
    'mirrorPad',
    [signed(3, 3)],
    (x) =>
      tf.mirrorPad(
        x,
        [
          [1, 2],
          [3, 0],
        ],
        'symmetric',
      ),
    'symmetric',
  ),
  call('oneHot', [apart(4)], (x) => tf.mul(tf.oneHot(tf.cast(tf.argMax(x), 'int32'), 4), x)),
  call('pad', [signed(2, 3)], (x) =>
    tf.pad(
      x,
      [
        [1, 0],
        [0, 2],
      ],
      0.5,
    ),
  ),
  call('reshape', [signed(2, 3)], (x) => tf.reshape(x, [3, 2])),
  call('reverse', [signed(2, 2, 2)], (x) => tf.reverse(x, [0, 2])),
  call(
    'scatterND',
    [signed(3)],
    (x) => tf.scatterND(tf.tensor2d([1, 3, 1], [3, 1], 'int32'), x, [5]),
    'one place twice',
  ),
  call('scatterND', [signed(2, 2)], (x) =>
    tf.scatterND(tf.tensor2d([2, 0], [2, 1], 'int32'), x, [3, 2]),
  ),
  call('slice', [signed(3, 3)], (x) => tf.slice(x, [1, 0], [2, 2])),
  call('sparseToDense', [signed(3)], (v) =>
    tf.sparseToDense(tf.tensor2d([0, 1, 1, 0, 2, 2], [3, 2], 'int32'), v, [3, 3]),
  ),
  call(
    'sparseToDense',
    [signed(2), signed()],
    (v, d) => tf.sparseToDense(ints(1, 3), v, [5], d as tf.Scalar),
    'a default',
  ),
  call('split', [signed(4, 3)], (x) => {
    const [a, b] = tf.split(x, [1, 3]);
    return joined(tf.square(b!), a!);
  }),
  call('squeeze', [signed(2, 1, 3)], (x) => tf.squeeze(x)),
  call('stack', [signed(2, 2), signed(2, 2)], (a, b) => tf.stack([a, b], 1)),
  call('stridedSlice', [signed(5, 4)], (x) => tf.stridedSlice(x, [0, 1], [5, 4], [2, 2])),
  call(
    'stridedSlice',
    [signed(5, 4)],
    (x) => tf.stridedSlice(x, [4, 0], [0, 4], [-2, 1]),
    'backwards',
  ),
  call(
    'stridedSlice',
    [signed(4, 4)],
    (x) => tf.stridedSlice(x, [1, 1], [2, 4], [1, 2], 0, 0, 0, 0, 1),
    'an axis dropped',
  ),
  call('tensorScatterUpdate', [signed(4), signed(2)], (x, u) =>
    tf.tensorScatterUpdate(x, tf.tensor2d([3, 1], [2, 1], 'int32'), u),
  ),
  call('tile', [signed(2, 3)], (x) => tf.tile(x, [2, 3])),
  call('transpose', [signed(2, 3)], (x) => tf.transpose(x)),
  call('transpose', [signed(2, 2, 2)], (x) => tf.transpose(x, [1, 2, 0]), 'rank 3'),
  call('unstack', [signed(3, 2)], (x) => {
    const [a, b] = tf.unstack(x);
    return tf.mul(a!, b!);
  }),
  call('unstack', [signed(3, 2)], (x) => tf.stack(tf.unstack(x).reverse()), 'its list turned'),
  call('linalg.bandPart', [signed(3, 3)], (x) => tf.linalg.bandPart(x, 1, 0)),
  call('signal.frame', [signed(8)], (x) => tf.signal.frame(x as tf.Tensor1D, 4, 2)),
  call(
    'signal.frame',
    [signed(7)],
    (x) => tf.signal.frame(x as tf.Tensor1D, 4, 2, true, 1),
    'padded',
  ),
  call('image.flipLeftRight', [signed(1, 3, 3, 2)], (x) =>
    tf.image.flipLeftRight(x as tf.Tensor4D),
  ),
  call('image.grayscaleToRGB', [signed(1, 2, 2, 1)], (x) =>
    tf.image.grayscaleToRGB(x as tf.Tensor4D),
  ),
  refused('unique', [apart(4)], (x) => tf.unique(x).values, 'Unique'),
  refused(
    'raggedGather',
    [signed(4)],
    (x) => tf.raggedGather([ints(0, 2, 4)], x, ints(1, 0), 1).outputDenseValues,
    'RaggedGather',
  ),
  refused(
    'raggedTensorToTensor',
    [signed(3)],
    (x) => tf.raggedTensorToTensor([2, 2], x, 0, [ints(0, 1, 3)], ['ROW_SPLITS']),
    'RaggedTensorToTensor|RowPartition|Cannot',
  ),
  refused(
    'sparse.sparseFillEmptyRows',
    [signed(2)],
    (v) =>
      tf.sparse.sparseFillEmptyRows(
        tf.tensor2d([0, 0, 2, 1], [2, 2], 'int32'),
        v as tf.Tensor1D,
        ints(3, 2),
        tf.scalar(0),
      ).outputValues!,
    'SparseFillEmptyRows',
  ),
];
