import * as tf from '@tensorflow/tfjs';
import { computed } from './entries';
import type { Ran } from './trace';
import { NotLowered, type Operation, type View } from './value';

const words = (...lines: readonly string[]) => lines.flatMap((line) => line.split(' '));

/**
 * Kernels that compute the same of the same numbers, in a shape that the shapes of their inputs
 * decide: what has no loop is left to them, as one step of a program.
 */
const pure = new Set([
  // windows
  ...words(
    'Conv2D Conv2DSum Conv2DBackpropInput Conv2DBackpropInputSum Conv2DSeen FusedConv2D',
    'Conv2DBackpropFilter Conv2DBackpropFilterSum Conv3D Conv3DBackpropInputV2',
    'Conv3DBackpropFilterV2 DepthwiseConv2dNative DepthwiseConv2dNativeBackpropInput',
    'DepthwiseConv2dNativeBackpropFilter FusedDepthwiseConv2D Dilation2D',
    'Dilation2DBackpropInput Dilation2DBackpropFilter LRN LRNGrad MaxPool MaxPoolGrad',
    'MaxPool3D MaxPool3DGrad MaxPoolWithArgmax AvgPool AvgPoolGrad AvgPool3D AvgPool3DGrad',
    'Conv2DAt Conv2DAtBackpropFilter Conv2DAtBackpropInput Conv2DAtBackpropBias WindowsAt',
    'WithMargins TakeAt AddAt ResizeBilinear ResizeBilinearGrad ResizeNearestNeighbor',
    'ResizeNearestNeighborGrad',
  ),
  // movement
  ...words(
    'Slice StridedSlice Concat SplitV Pack Unpack PadV2 MirrorPad Reverse FlipLeftRight',
    'GatherV2 GatherNd ScatterNd TensorScatterUpdate SparseToDense UnsortedSegmentSum',
    'SparseSegmentSum SparseSegmentMean Transpose Tile BroadcastTo SpaceToBatchND',
    'BatchToSpaceND DepthToSpace Diag OneHot Cast Fill Range LinSpace ZerosLike OnesLike Select',
  ),
  // sums and products
  ...words(
    'Sum Mean Max Min Prod All Any ArgMax ArgMin Cumsum Cumprod Bincount DenseBincount TopK',
    'BatchMatMul _FusedMatMul MatMulAdd Einsum FusedBatchNorm Softmax LogSoftmax',
    'SoftmaxDerivative SoftmaxCrossEntropies',
  ),
  // entry by entry
  ...words(
    'Add AddN Sub Multiply MultiplyAdd RealDiv FloorDiv Mod Maximum Minimum Pow Atan2 Prelu',
    'SquaredDifference Equal NotEqual Less LessEqual Greater GreaterEqual LogicalAnd LogicalOr',
    'LogicalNot LogicalXor BitwiseAnd Sin Cos Tan Asin Acos Atan Sinh Cosh Asinh Acosh Atanh',
    'Elu EluGrad Selu Relu6 LeakyRelu Erf Expm1 Log1p Sign Floor Ceil Round ClipByValue IsNan',
    'IsInf IsFinite Step Rsqrt Neg Abs',
  ),
]);

/**
 * The results of a kernel that runs as it is.
 *
 * @throws NotLowered for one that is not known to be pure, for a tensor without entries, and for an
 *   input of another type in a program
 */
export function byKernel(
  { kernel, inputs, attrs, outputs }: Ran,
  viewOf: (x: tf.Tensor) => View,
): View[] {
  if (!pure.has(kernel) || tf.getKernel(kernel, 'wasm') === undefined) throw new NotLowered(kernel);
  const tensors = [...inputs.map(([, x]) => x), ...outputs];
  if (tensors.some(({ size }) => size === 0)) throw new NotLowered(`${kernel} of no entries`);
  const of = inputs.map(([, x]) => asStored(viewOf(x), x.dtype, kernel));
  const described = inputs.map(([name, { shape, dtype }]) => ({ name, shape, dtype }));
  return outputs.map((out, output) =>
    made({ kind: 'kernel', of, kernel, inputs: described, attrs, output }, out),
  );
}

const made = (
  by: Extract<Operation, { kind: 'kernel' }>,
  { size, shape, dtype }: Pick<tf.Tensor, 'size' | 'dtype'> & { shape: readonly number[] },
): View => ({ value: { ...computed(by, by.of, size), dtype }, shape });

/** The view, in the type that a tensor of it has: truth values are numbers where loops made them. */
function asStored(view: View, wanted: tf.DataType, kernel: string): View {
  const { value, shape } = view;
  const { dtype = 'float32', failed, size } = value;
  if (failed !== undefined) throw new NotLowered(failed);
  if (dtype === wanted) return view;
  if (dtype !== 'float32' || wanted !== 'bool') throw new NotLowered(`${kernel} of ${wanted}`);
  const inputs = [{ name: 'x', shape, dtype }];
  const attrs = { dtype: wanted };
  return made(
    { kind: 'kernel', of: [view], kernel: 'Cast', inputs, attrs, output: 0 },
    { size, shape, dtype: wanted },
  );
}
