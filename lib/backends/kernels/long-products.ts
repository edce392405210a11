import * as tf from '@tensorflow/tfjs';
import { type Call, kernelFunction, replaceKernel } from './kernel';

type Info = tf.TensorInfo;

/** Which operands of a product are transposed. */
export interface Transposes {
  transposeA: boolean;
  transposeB: boolean;
}

export type Product = Call<'a' | 'b' | 'bias', Transposes>;

/** How many terms a stock kernel adds in float32; their sums are added in float64. */
export const PART = 2048;

const size = (shape: number[]) => shape.reduce((a, b) => a * b, 1);

/** The lengths of a product: a is rows × inner, b inner × columns, for each matrix of a batch. */
export function lengthsOf({ inputs: { a, b }, attrs: { transposeA, transposeB } }: Product) {
  const [first, second] = a.shape.slice(-2) as [number, number];
  const [rows, inner] = transposeA ? [second, first] : [first, second];
  const columns = b.shape.at(transposeB ? -2 : -1)!;
  return { rows, inner, columns };
}

/** Whether a float32 sum of that many terms loses enough digits to be worth splitting. */
export const isLong = (terms: number): boolean => terms > 2 * PART;

/** How a backend reads and makes tensors of float32. */
export interface Memory {
  /** A tensor's numbers; valid until the next tensor is made. */
  read(x: Info): Float32Array;
  make(shape: number[]): Info;
  /** Puts numbers into a tensor that has just been made. */
  write(x: Info, values: ArrayLike<number>): void;
}

/** The entries `from`, …, `from + length − 1` along the inner axis of one matrix of a batch. */
function partOf(
  memory: Memory,
  x: Info,
  { matrix, innerFirst, from, length }: Place & { matrix: number; innerFirst: boolean },
): Info {
  const [first, second] = x.shape.slice(-2) as [number, number];
  const begin = matrix * first * second;
  if (innerFirst) {
    const part = memory.make([1, length, second]);
    const start = begin + from * second;
    memory.write(part, memory.read(x).subarray(start, start + length * second));
    return part;
  }
  const values = new Float32Array(first * length);
  const all = memory.read(x);
  for (let row = 0; row < first; row++) {
    const start = begin + row * second + from;
    values.set(all.subarray(start, start + length), row * length);
  }
  const part = memory.make([1, first, length]);
  memory.write(part, values);
  return part;
}

interface Place {
  from: number;
  length: number;
}

/** Calls back for each part, of at most the given number of terms. */
export function eachPart(terms: number, part: number, visit: (place: Place) => void): void {
  for (let from = 0; from < terms; from += part) {
    visit({ from, length: Math.min(part, terms - from) });
  }
}

/** What is added to the products of the i-th matrix: nothing, a row, or a part of a whole result. */
export function startOf(bias: Float32Array | undefined, entries: number, i: number): Float64Array {
  const totals = new Float64Array(entries);
  if (bias === undefined || entries === 0) return totals;
  const row = bias.length > entries ? bias.subarray(i * entries, (i + 1) * entries) : bias;
  for (let o = 0; o < entries; o += row.length) totals.set(row, o);
  return totals;
}

/**
 * A matrix product with long inner axes, part by part.
 *
 * A sum of n numbers of one sign in float32, one by one, may be off by n roundings: a tenth of the
 * result from millions of terms on, and from 2²⁴ times a term on nothing is added any more.
 */
export function productInParts(
  memory: Memory,
  call: Product,
  multiply: (call: Product) => Info,
): Info {
  const { inputs, attrs, backend } = call;
  const { a, b, bias } = inputs;
  const { rows, inner, columns } = lengthsOf(call);
  const [batchA, batchB] = [a.shape.slice(0, -2), b.shape.slice(0, -2)];
  const batch = tf.backend_util.assertAndGetBroadcastShape(batchA, batchB);
  const count = size(batch);
  const entries = rows * columns;
  const results = new Float32Array(count * entries);
  for (let i = 0; i < count; i++) {
    const totals = startOf(bias && memory.read(bias), entries, i);
    eachPart(inner, PART, (place) => {
      const innerFirst = attrs.transposeA;
      const left = partOf(memory, a, { matrix: i % size(batchA), innerFirst, ...place });
      const right = partOf(memory, b, {
        matrix: i % size(batchB),
        innerFirst: !attrs.transposeB,
        ...place,
      });
      const product = multiply({ ...call, inputs: { a: left, b: right } as Product['inputs'] });
      const sums = memory.read(product);
      for (let o = 0; o < entries; o++) totals[o]! += sums[o]!;
      for (const { dataId } of [left, right, product]) backend.disposeData(dataId);
    });
    results.set(totals, i * entries);
  }
  const out = memory.make([...batch, rows, columns]);
  memory.write(out, results);
  return out;
}

/** The memory of the cpu backend. */
const memoryOf = (backend: tf.MathBackendCPU): Memory => ({
  read: ({ dataId }) => backend.readSync(dataId) as Float32Array,
  make: (shape) => backend.makeTensorInfo(shape, 'float32', new Float32Array(size(shape))),
  write: ({ dataId }, values) => (backend.readSync(dataId) as Float32Array).set(values),
});

const isLongFloat = (call: Product): boolean =>
  call.inputs.a.dtype === 'float32' &&
  call.inputs.b.dtype === 'float32' &&
  isLong(lengthsOf(call).inner);

/** The kernels of what a fused product does last. */
const activations: Record<string, string> = {
  relu: 'Relu',
  relu6: 'Relu6',
  elu: 'Elu',
  sigmoid: 'Sigmoid',
  leakyrelu: 'LeakyRelu',
  prelu: 'Prelu',
};

type Fused = Transposes & { activation?: string; leakyreluAlpha?: number };

/** On cpu: the stock kernels add up sums of 48 terms in float32. */
export function repairLongProducts(): void {
  const matMul = kernelFunction('BatchMatMul', 'cpu');
  const stock = (call: Product) => matMul(call) as Info;
  const inParts = (call: Product) =>
    productInParts(memoryOf(call.backend as tf.MathBackendCPU), call, stock);
  replaceKernel<'a' | 'b' | 'bias', Transposes>('BatchMatMul', 'cpu', (call) =>
    isLongFloat(call) ? inParts(call) : stock(call),
  );
  const fused = kernelFunction('_FusedMatMul', 'cpu');
  replaceKernel<'a' | 'b' | 'bias' | 'preluActivationWeights', Fused>(
    '_FusedMatMul',
    'cpu',
    (call) => {
      const { activation = 'linear', leakyreluAlpha: alpha } = call.attrs;
      const after = activations[activation];
      const isCovered = after !== undefined || activation === 'linear';
      if (!isCovered || !isLongFloat(call)) return fused(call);
      const x = inParts(call);
      if (after === undefined) return x;
      const { preluActivationWeights } = call.inputs;
      const inputs: Record<string, Info> = { x };
      if (after === 'Prelu') inputs.alpha = preluActivationWeights;
      const { backend } = call;
      const y = kernelFunction(after, 'cpu')({ backend, inputs, attrs: { alpha } });
      backend.disposeData(x.dataId);
      return y;
    },
  );
}
