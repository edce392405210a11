import * as tf from '@tensorflow/tfjs';
import type { StridedSlice } from '../kernels/strided-slice';
import { differentiate, positions, scatterTo, sumTo, zerosLike } from './gradient';

/** Where the largest elements along the last axis are, as flat positions. */
function flatIndices(indices: tf.Tensor, columns: number): tf.Tensor {
  const k = indices.shape[indices.rank - 1]!;
  const rows = indices.size / k;
  const starts = tf.mul(tf.range(0, rows, 1, 'int32'), tf.scalar(columns, 'int32'));
  return tf.add(tf.reshape(indices, [rows, k]), tf.reshape(starts, [rows, 1]));
}

/** Undoes `depthToSpace`: the blocks of pixels become channels again. */
function spaceToDepth(y: tf.Tensor, block: number): tf.Tensor {
  const [batch, height, width, depth] = y.shape as [number, number, number, number];
  const h = height / block;
  const w = width / block;
  const blocks = tf.reshape(y, [batch, h, block, w, block, depth]);
  return tf.reshape(tf.transpose(blocks, [0, 1, 3, 2, 4, 5]), [batch, h, w, block ** 2 * depth]);
}

/** Sums rows of `values` into the rows of a result that `ids` names. */
const sumRows = (values: tf.Tensor, ids: tf.Tensor, rows: number) =>
  tf.unsortedSegmentSum(values, tf.cast(ids, 'int32') as tf.Tensor1D, rows);

/** How many rows go into each segment, shaped to divide a gathered [n, …] tensor. */
function segmentSizes(ids: tf.Tensor, segments: number, rank: number): tf.Tensor {
  const counts = sumRows(tf.ones([ids.size]), ids, segments);
  const each = tf.gather(counts, tf.cast(ids, 'int32') as tf.Tensor1D);
  return tf.reshape(each, [ids.size, ...Array(rank - 1).fill(1)]);
}

/** Kernels that take, move, repeat or place elements, which have no derivative or a wrong one. */
export function repairIndexing(): void {
  repairIndexed();
  repairMoved();
  repairCounts();
  repairSegments();
  repairParts();
  repairGather();
  repairSegmentSum();
  repairTopK();
}

/** Elements that are taken or put by lists of indices. */
function repairIndexed(): void {
  differentiate('GatherNd', {
    inputs: ['params', 'indices'],
    gradient: (dy, [params, indices]) => ({
      params: () => tf.scatterND(indices!, dy, params!.shape),
      indices: zerosLike(indices!),
    }),
  });
  differentiate('ScatterNd', {
    inputs: ['indices'],
    gradient: (dy, [indices]) => ({
      updates: () => tf.gatherND(dy, indices!),
      indices: zerosLike(indices!),
    }),
  });
  differentiate('TensorScatterUpdate', {
    inputs: ['indices', 'updates'],
    gradient: (dy, [indices, updates]) => ({
      tensor: () => tf.tensorScatterUpdate(dy, indices!, tf.zerosLike(updates!)),
      indices: zerosLike(indices!),
      updates: () => tf.gatherND(dy, indices!),
    }),
  });
  differentiate('SparseToDense', {
    inputs: ['sparseIndices', 'sparseValues', 'defaultValue'],
    gradient: (dy, [indices, values, defaultValue]) => {
      // A vector of indices names elements of a vector.
      const places = () => (indices!.rank < 2 ? tf.reshape(indices!, [-1, 1]) : indices!);
      const taken = () => tf.reshape(tf.gatherND(dy, places()), [-1]);
      return {
        sparseIndices: zerosLike(indices!),
        sparseValues: () => sumTo(taken(), values!.shape),
        defaultValue: () => tf.reshape(tf.sub(tf.sum(dy), tf.sum(taken())), defaultValue!.shape),
      };
    },
  });
}

/** Elements that move to other places: the derivative goes back to where each was. */
function repairMoved(): void {
  differentiate<StridedSlice>('StridedSlice', {
    inputs: ['x'],
    gradient: (dy, [x], a) => ({
      x: () => {
        const taken = tf.stridedSlice(
          positions(x!.shape),
          a.begin,
          a.end,
          a.strides,
          a.beginMask,
          a.endMask,
          a.ellipsisMask,
          a.newAxisMask,
          a.shrinkAxisMask,
        );
        return scatterTo(taken, dy, x!.shape);
      },
    }),
  });
  differentiate<{ paddings: [number, number][]; mode: 'reflect' | 'symmetric' }>('MirrorPad', {
    inputs: ['x'],
    gradient: (dy, [x], { paddings, mode }) => ({
      x: () => scatterTo(tf.mirrorPad(positions(x!.shape), paddings, mode), dy, x!.shape),
    }),
  });
  differentiate('Diag', {
    inputs: ['x'],
    gradient: (dy, [x]) => ({
      x: () => {
        const n = x!.size;
        const places = tf.range(0, n * n, n + 1, 'int32') as tf.Tensor1D;
        return tf.reshape(tf.gather(tf.reshape(dy, [-1]), places), x!.shape);
      },
    }),
  });
  differentiate<{ blockSize: number }>('DepthToSpace', {
    gradient: (dy, _, { blockSize }) => ({ x: () => spaceToDepth(dy, blockSize) }),
  });
  differentiate('FlipLeftRight', {
    gradient: (dy) => ({ image: () => tf.image.flipLeftRight(dy as tf.Tensor4D) }),
  });
}

function repairCounts(): void {
  for (const kernel of ['Bincount', 'DenseBincount']) {
    differentiate<{ binaryOutput?: boolean }>(kernel, {
      inputs: ['x', 'weights'],
      gradient: (dy, [x, weights], { binaryOutput }) => ({
        x: zerosLike(x!),
        weights: binaryOutput ? zerosLike(weights!) : () => binned(dy, x!, weights!),
      }),
    });
  }
}

/** Sums and means of rows that are taken by their indices. */
function repairSegments(): void {
  differentiate('SparseSegmentSum', {
    inputs: ['data', 'indices', 'segmentIds'],
    gradient: (dy, [data, indices, ids]) => ({
      data: () =>
        sumRows(tf.gather(dy, tf.cast(ids!, 'int32') as tf.Tensor1D), indices!, data!.shape[0]!),
      indices: zerosLike(indices!),
      segmentIds: zerosLike(ids!),
    }),
  });
  differentiate('SparseSegmentMean', {
    inputs: ['data', 'indices', 'segmentIds'],
    gradient: (dy, [data, indices, ids]) => ({
      data: () => {
        const rows = tf.gather(dy, tf.cast(ids!, 'int32') as tf.Tensor1D);
        const shares = tf.div(rows, segmentSizes(ids!, dy.shape[0]!, rows.rank));
        return sumRows(shares, indices!, data!.shape[0]!);
      },
      indices: zerosLike(indices!),
      segmentIds: zerosLike(ids!),
    }),
  });
}

/** Split and unstack, also where there is one part only: its derivative comes without a list. */
function repairParts() {
  const list = (dys: tf.Tensor | tf.Tensor[]) => (Array.isArray(dys) ? dys : [dys]);
  for (const kernel of ['SplitV', 'Unpack']) {
    const stock = tf.getGradient(kernel)!;
    tf.unregisterGradient(kernel);
    tf.registerGradient({
      ...stock,
      gradFunc: (dys, saved, attributes) => stock.gradFunc(list(dys), saved, attributes),
    });
  }
}

/** Rows, or with batch dimensions single elements, go back where they were taken from. */
function repairGather() {
  const stock = tf.getGradient('GatherV2')!;
  differentiate<{ axis: number; batchDims: number }>('GatherV2', {
    inputs: ['x', 'indices'],
    gradient: (dy, [x, indices], attributes) => {
      const { axis, batchDims } = attributes;
      const attrs = attributes as typeof attributes & tf.NamedAttrMap;
      const apart = () => {
        const places = tf.gather(positions(x!.shape), indices as tf.Tensor1D, axis, batchDims);
        return scatterTo(places, dy, x!.shape);
      };
      return {
        x: batchDims === 0 ? stock.gradFunc(dy, [x!, indices!], attrs).x! : apart,
        indices: zerosLike(indices!),
      };
    },
  });
}

/** The derivative for each weight that was counted: that of its bin, row by row. */
function binned(dy: tf.Tensor, x: tf.Tensor, weights: tf.Tensor): tf.Tensor {
  if (weights.size === 0) return tf.zeros(weights.shape);
  const bins = dy.shape[dy.rank - 1]!;
  const rows = tf.cast(dy.rank === 2 ? flatIndices(x, bins) : x, 'int32') as tf.Tensor;
  const inside = tf.cast(tf.less(x, bins), 'float32');
  const places = tf.minimum(tf.reshape(rows, [-1]), tf.scalar(dy.size - 1, 'int32'));
  const taken = tf.gather(tf.reshape(dy, [-1]), tf.cast(places, 'int32') as tf.Tensor1D);
  return tf.mul(tf.reshape(taken, weights.shape), inside);
}

/** The stock derivative knows of the values only, not that row numbers may depend on something. */
function repairSegmentSum() {
  const stock = tf.getGradient('UnsortedSegmentSum')!;
  differentiate<tf.NamedAttrMap>('UnsortedSegmentSum', {
    inputs: ['segmentIds'],
    gradient: (dy, [ids], attributes) => ({
      x: stock.gradFunc(dy, [ids!], attributes).x!,
      segmentIds: zerosLike(ids!),
    }),
  });
}

/** The values of `topk` go back where they came from; its indices carry no derivative. */
function repairTopK() {
  tf.registerGradient({
    kernelName: 'TopK',
    inputsToSave: ['x'],
    outputsToSave: [false, true],
    gradFunc: (dys, [x, indices]) => ({
      x: () => {
        const places = flatIndices(indices!, x!.shape[x!.rank - 1]!);
        return scatterTo(places, (dys as tf.Tensor[])[0]!, x!.shape);
      },
    }),
  });
}
