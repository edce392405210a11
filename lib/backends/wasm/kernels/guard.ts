import * as tf from '@tensorflow/tfjs';
import { type AnyCall, kernelFunction, replaceKernel } from '../../kernels/kernel';
import { isLong } from '../../kernels/long-products';
import { seesMarginAlone, windowShape } from '../../kernels/windows';
import { byCpu } from './by-cpu';
import { isFiniteThroughout } from './finite';
import { floats, type Heap } from './heap';

type Result = tf.TensorInfo | tf.TensorInfo[];

const names = (text: string) => text.trim().split(/\s+/);

/** Kernels that look at a tensor's shape and share or fill its memory, whatever its entries are. */
const anything = new Set(names('Identity Reshape ExpandDims Cast Fill ZerosLike OnesLike'));

/** Kernels that the build computes rightly for integers, too. */
const integers = new Set(
  names(`Add Sub Multiply Maximum Minimum Equal NotEqual Greater GreaterEqual Less LessEqual
    Slice Concat Pack Unpack SplitV Tile Transpose GatherV2 PadV2`),
);

/** Kernels that the build computes rightly for yes and no, too. */
const yesNo = new Set(
  names('LogicalAnd LogicalOr LogicalNot Slice Concat Pack Unpack SplitV Tile'),
);

/** Inputs that are not of the type of the others: where and whether, rather than what. */
const places: Record<string, Record<string, tf.DataType>> = {
  GatherV2: { indices: 'int32' },
  GatherNd: { indices: 'int32' },
  ScatterNd: { indices: 'int32' },
  UnsortedSegmentSum: { segmentIds: 'int32' },
  Select: { condition: 'bool' },
  TakeAt: { places: 'int32' },
  AddAt: { places: 'int32' },
  WindowsAt: { places: 'int32' },
  Conv2DAt: { windows: 'int32' },
  Conv2DAtBackpropFilter: { windows: 'int32' },
  Conv2DAtBackpropInput: { windows: 'int32' },
  Conv2DAtBackpropBias: { windows: 'int32' },
};

const isEmpty = ({ shape }: tf.TensorInfo) => shape.includes(0);

/** Kernels with windows that are this library's: they go by the lengths that TensorFlow.js works out. */
const ofOwnLengths = new Set(names('MaxPool3D MaxPoolWithArgmax'));

/** Whether a window finds a place, and the build knows how many. */
function fits(kernelName: string, call: AnyCall): boolean {
  const shape = windowShape(kernelName, call);
  if (shape === undefined) return true;
  if (shape.includes(0)) return false;
  if (ofOwnLengths.has(kernelName)) return true;
  // The build moves such a window until it sees something, or leaves the result as it finds it.
  if (seesMarginAlone(kernelName, call)) return false;
  // Rounded up, the last window may lie beyond the image; the build leaves it as it finds it.
  const { dimRoundingMode } = call.attrs as { dimRoundingMode?: string };
  if (dimRoundingMode === 'ceil' || dimRoundingMode === 'round') return false;
  const { pad, strides, filterSize } = call.attrs as Record<string, number | number[]>;
  // With a margin in numbers, be it 0, TensorFlow.js works all lengths out from the height of the
  // window: the build would write beyond them.
  if (typeof pad !== 'number') return true;
  const window = call.inputs.filter?.shape.slice(0, -2) ?? [filterSize].flat();
  return [window, [strides].flat()].every(([first, ...rest]) => rest.every((n) => n === first));
}

const isFiniteInput = (call: AnyCall, name: string) =>
  isFiniteThroughout(call.backend as Heap, call.inputs[name]!);

/** Up to here the build's cosine is right to rounding; it is off by all digits from 1e15 on. */
const LARGEST_ANGLE = 1e6;

const isSmall = (call: AnyCall, name: string) =>
  floats(call.backend as Heap, call.inputs[name]!).every((x) => Math.abs(x) <= LARGEST_ANGLE);

const endsWith = (shape: number[], end: number[]) =>
  end.length > 0 && tf.util.arraysEqual(shape.slice(-end.length), end);

/** Whether places in a tensor, rows of `indices`, are in it; the build would read or write beyond it. */
function liesIn(heap: Heap, indices: tf.TensorInfo, shape: number[]): boolean {
  const depth = indices.shape.at(-1) ?? 1;
  const places = heap.typedArrayFromHeap(indices);
  for (let i = 0; i < places.length; i++) {
    if (!(places[i]! >= 0 && places[i]! < shape[i % depth]!)) return false;
  }
  return true;
}

/** Kernels that are right for some tensors only. For others cpu throws its error. */
const conditions: Record<string, (call: AnyCall) => boolean> = {
  Cos: (call) => isSmall(call, 'x'),
  // The stock kernel sorts a NaN after all numbers on one side.
  SearchSorted: (call) => isFiniteInput(call, 'values') && isFiniteInput(call, 'sortedSequence'),
  // The stock kernel adds all numbers of a window in float32, one by one.
  AvgPool: ({ attrs }) => {
    const { filterSize } = attrs as { filterSize: number | number[] };
    const [height, width = height] = [filterSize].flat() as [number, number?];
    return !isLong(height * width!);
  },
  // Of every batch after the first the stock kernel takes the wrong indices.
  GatherV2: ({ attrs }) => (attrs as { batchDims: number }).batchDims === 0,
  GatherNd: ({ inputs, backend }) => liesIn(backend as Heap, inputs.indices!, inputs.params!.shape),
  ScatterNd: ({ inputs, attrs, backend }) =>
    liesIn(backend as Heap, inputs.indices!, (attrs as { shape: number[] }).shape),
  // The order of a NaN is not defined: the stock kernel puts one anywhere.
  TopK: (call) => isFiniteInput(call, 'x'),
  Slice: ({ inputs: { x }, attrs }) => {
    const { begin, size } = attrs as { begin: number[]; size: number[] };
    const { shape } = x!;
    const [from, lengths] = tf.slice_util.parseSliceParams(x as tf.Tensor, begin, size);
    if (from!.length !== shape.length || lengths!.length !== shape.length) return false;
    return shape.every((n, axis) => {
      const [start, length] = [from![axis]!, lengths![axis]!];
      return start >= 0 && length >= 0 && start + length <= n;
    });
  },
  // The result is of integers, whatever is divided.
  FloorDiv: () => false,
  // The C library takes 1 to the power of NaN for 1.
  Pow: (call) => isFiniteInput(call, 'b'),
  // The stock kernel knows one slope for each entry, or for each channel.
  Prelu: (call) => {
    const { x, alpha } = call.inputs;
    return isFiniteInput(call, 'alpha') && endsWith(x!.shape, alpha!.shape);
  },
};

/** Whether a kernel is right for inputs of these types and sizes. */
function isRight(kernelName: string, inputs: AnyCall['inputs']): boolean {
  let common: tf.DataType | undefined;
  const own = places[kernelName];
  for (const name in inputs) {
    const x = inputs[name];
    if (!x) continue;
    if (isEmpty(x)) return false;
    if (own !== undefined && name in own) {
      if (own[name] !== x.dtype) return false;
      continue;
    }
    if (common !== undefined && common !== x.dtype) return false;
    common = x.dtype;
  }
  if (common === undefined || common === 'float32') return true;
  return (
    (common === 'int32' && integers.has(kernelName)) || (common === 'bool' && yesNo.has(kernelName))
  );
}

/** Runs a kernel that only this library has on its inputs as float32. */
function onFloats(kernelName: string, compute: (call: AnyCall) => Result, call: AnyCall): Result {
  const cast = kernelFunction('Cast', 'wasm');
  const made: tf.TensorInfo[] = [];
  const asFloat = (name: string, x: tf.TensorInfo | undefined) => {
    const isFloat = !x || x.dtype === 'float32' || places[kernelName]?.[name] === x.dtype;
    if (isFloat) return x;
    const attrs = { dtype: 'float32' };
    const y = cast({ inputs: { x }, attrs, backend: call.backend }) as tf.TensorInfo;
    made.push(y);
    return y;
  };
  const entries = Object.entries(call.inputs).map(([name, x]) => [name, asFloat(name, x)] as const);
  if (made.length === 0) return compute(call);
  const list = Array.isArray(call.inputs);
  const inputs = list ? entries.map(([, x]) => x) : Object.fromEntries(entries);
  try {
    return compute({ ...call, inputs: inputs as AnyCall['inputs'] });
  } finally {
    for (const { dataId } of made) call.backend.disposeData(dataId);
  }
}

/**
 * Hands to cpu what a kernel of the build does not compute rightly.
 *
 * The build's functions are made for float32. Most take the bits of integers for floats, write four
 * bytes for each yes or no, beyond the end of their memory, or leave the result as it was where a
 * tensor has no entries. Kernels that cpu has not, those of this library, take everything as float32.
 */
export function guardKernels(): void {
  const known = new Set(tf.getKernelsForBackend('cpu').map(({ kernelName }) => kernelName));
  for (const { kernelName } of tf.getKernelsForBackend('wasm')) {
    if (anything.has(kernelName)) continue;
    const compute = kernelFunction(kernelName, 'wasm');
    if (!known.has(kernelName)) {
      replaceKernel<string, object>(kernelName, 'wasm', (call) =>
        onFloats(kernelName, compute, call),
      );
      continue;
    }
    const holds = conditions[kernelName] ?? (() => true);
    replaceKernel<string, object>(kernelName, 'wasm', (call) =>
      isRight(kernelName, call.inputs) && fits(kernelName, call) && holds(call)
        ? compute(call)
        : byCpu(kernelName, call),
    );
  }
}
