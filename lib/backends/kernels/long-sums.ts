import type * as tf from '@tensorflow/tfjs';
import { kernelFunction, replaceKernel } from './kernel';
import { isLong } from './long-products';

type Info = tf.TensorInfo;
type Numbers = Float32Array | Int32Array;

/** How a backend reads its tensors and makes new ones. */
export interface NumberStore {
  /** A tensor's numbers; valid until the next tensor is made. */
  read(x: Info): Numbers;
  make(shape: number[], values: Float64Array): Info;
}

const size = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);

/** A sum in float64, and the shape that it has; undefined for what the stock kernel is to refuse or compute. */
type Sum<I extends string, A> = (
  read: (x: Info) => Numbers,
  inputs: Record<I, Info>,
  attrs: A,
) => { shape: number[]; values: Float64Array } | undefined;

/** How many terms a result may have. */
type Terms<I extends string, A> = (inputs: Record<I, Info>, attrs: A) => number;

function inFloat64<I extends string, A extends object>(
  kernelName: string,
  backendName: string,
  storeOf: (backend: tf.KernelBackend) => NumberStore,
  summed: I,
  terms: Terms<I, A>,
  sum: Sum<I, A>,
): void {
  const stock = kernelFunction(kernelName, backendName);
  replaceKernel<I, A>(kernelName, backendName, (call) => {
    const { inputs, attrs, backend } = call;
    if (inputs[summed].dtype === 'float32' && isLong(terms(inputs, attrs))) {
      const store = storeOf(backend);
      const found = sum((x) => store.read(x), inputs, attrs);
      if (found !== undefined) return store.make(found.shape, found.values);
    }
    return stock(call);
  });
}

/** Adds each row of `from` to a row of the result; undefined where a place is outside it. */
function gathered(
  from: ArrayLike<number>,
  width: number,
  rows: number,
  placeOf: (row: number) => number | undefined,
  count: number,
): Float64Array | undefined {
  const values = new Float64Array(count * width);
  for (let row = 0; row < rows; row++) {
    const place = placeOf(row);
    if (place === undefined) return undefined;
    if (place < 0) continue;
    for (let j = 0; j < width; j++) values[place * width + j]! += from[row * width + j]!;
  }
  return values;
}

interface Scan {
  axis: number;
  exclusive: boolean;
  reverse: boolean;
}

const cumsum: Sum<'x', Scan> = (read, { x }, { axis, exclusive, reverse }) => {
  if (axis < 0 || axis >= x.shape.length) return undefined;
  const length = x.shape[axis]!;
  const inner = size(x.shape.slice(axis + 1));
  const from = read(x);
  const values = new Float64Array(from.length);
  const sums = new Float64Array(inner);
  for (let begin = 0; begin < from.length; begin += length * inner) {
    sums.fill(0);
    for (let k = 0; k < length; k++) {
      const at = begin + (reverse ? length - 1 - k : k) * inner;
      for (let j = 0; j < inner; j++) {
        const before = sums[j]!;
        sums[j] = before + from[at + j]!;
        values[at + j] = exclusive ? before : sums[j]!;
      }
    }
  }
  return { shape: [...x.shape], values };
};

interface Bins {
  size: number;
  binaryOutput?: boolean;
}

/** Counts with weights, for each row where x has several. */
const bincount: Sum<'x' | 'weights', Bins> = (read, { x, weights }, attrs) => {
  if (attrs.binaryOutput || size(weights.shape) !== size(x.shape)) return undefined;
  const bins = attrs.size;
  const columns = x.shape.at(-1)!;
  const places = read(x);
  const isFlat = x.shape.length === 1;
  // A place beyond the last bin is left out; a negative one is refused by the stock kernel.
  const placeOf = (i: number) => {
    const place = places[i]!;
    if (place < 0) return undefined;
    return place >= bins ? -1 : (isFlat ? 0 : Math.floor(i / columns) * bins) + place;
  };
  const count = isFlat ? bins : x.shape[0]! * bins;
  const values = gathered(read(weights), 1, places.length, placeOf, count);
  return values && { shape: isFlat ? [bins] : [x.shape[0]!, bins], values };
};

const scatterNd: Sum<'indices' | 'updates', { shape: number[] }> = (read, inputs, { shape }) => {
  const { indices, updates } = inputs;
  const depth = indices.shape.at(-1) ?? 0;
  if (indices.shape.length < 2 || depth === 0 || depth > shape.length) return undefined;
  const rows = size(indices.shape.slice(0, -1));
  const outer = shape.slice(0, depth);
  const width = size(shape.slice(depth));
  if (size(updates.shape) !== rows * width) return undefined;
  const places = read(indices);
  const placeOf = (row: number) => {
    let place = 0;
    for (let d = 0; d < depth; d++) {
      const index = places[row * depth + d]!;
      if (index < 0 || index >= outer[d]!) return undefined;
      place = place * outer[d]! + index;
    }
    return place;
  };
  const values = gathered(read(updates), width, rows, placeOf, size(outer));
  return values && { shape: [...shape], values };
};

/** Sums, or means, of rows of data that are named by `indices`, one for each run of equal names. */
const sparseSegment =
  (isMean: boolean): Sum<'data' | 'indices' | 'segmentIds', object> =>
  (read, { data, indices, segmentIds }) => {
    const [rows, names] = [read(indices), read(segmentIds)];
    const width = size(data.shape.slice(1));
    const from = read(data);
    const count = names[names.length - 1]! + 1;
    const sorted = names.every((name, i) => name >= (i === 0 ? 0 : names[i - 1]!));
    const inside = rows.every((row) => row >= 0 && row < data.shape[0]!);
    if (rows.length !== names.length || !sorted || !inside || !(count > 0)) return undefined;
    const values = new Float64Array(count * width);
    const terms = new Float64Array(count);
    names.forEach((name, i) => {
      terms[name]!++;
      for (let j = 0; j < width; j++) values[name * width + j]! += from[rows[i]! * width + j]!;
    });
    if (isMean) {
      values.forEach((sum, i) => {
        const n = terms[Math.floor(i / width)]!;
        if (n > 0) values[i] = sum / n;
      });
    }
    return { shape: [count, ...data.shape.slice(1)], values };
  };

/**
 * Sums with many terms in float64: running sums, counts with weights, scattered updates, sums of
 * segments. The stock kernels add in float32, where a sum of 10⁷ terms of one size stops growing.
 */
export function repairLongSums(
  backendName: string,
  storeOf: (backend: tf.KernelBackend) => NumberStore,
): void {
  inFloat64('Cumsum', backendName, storeOf, 'x', ({ x }, { axis }) => x.shape[axis] ?? 0, cumsum);
  for (const kernelName of ['Bincount', 'DenseBincount']) {
    const terms: Terms<'x' | 'weights', Bins> = ({ x }) => size(x.shape);
    inFloat64(kernelName, backendName, storeOf, 'weights', terms, bincount);
  }
  const rows: Terms<'indices' | 'updates', { shape: number[] }> = ({ indices }) =>
    size(indices.shape.slice(0, -1));
  inFloat64('ScatterNd', backendName, storeOf, 'updates', rows, scatterNd);
  for (const kind of ['Sum', 'Mean'] as const) {
    const terms: Terms<'data' | 'indices' | 'segmentIds', object> = ({ indices }) =>
      size(indices.shape);
    const sum = sparseSegment(kind === 'Mean');
    inFloat64(`SparseSegment${kind}`, backendName, storeOf, 'data', terms, sum);
  }
}

/** The tensors of the cpu backend. */
export const cpuStore = (backend: tf.KernelBackend): NumberStore => {
  const cpu = backend as tf.MathBackendCPU;
  return {
    read: ({ dataId }) => cpu.readSync(dataId) as Numbers,
    make: (shape, values) => cpu.makeTensorInfo(shape, 'float32', Float32Array.from(values)),
  };
};
