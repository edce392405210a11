import * as tf from '@tensorflow/tfjs';
import {
  type AnyCall,
  type Call,
  kernelFunction,
  replaceKernel,
  reshaped,
} from '../../kernels/kernel';
import { lengthsOf } from '../../kernels/long-products';
import { type Multiply, systemMultiply } from '../blas';
import { MOST_TERMS, multiplyEachOn, multiplyOn } from '../products';
import { floats, type Heap } from './heap';

interface Attributes {
  transposeA: boolean;
  transposeB: boolean;
  activation?: string;
}

type Product = Call<'a' | 'b' | 'bias', Attributes>;

/** A matrix, or a batch of them, with rows and columns exchanged. */
function transposed(x: tf.TensorInfo, backend: tf.KernelBackend): tf.TensorInfo {
  const rank = x.shape.length;
  const perm = x.shape.map((_, i) => i);
  [perm[rank - 2], perm[rank - 1]] = [rank - 1, rank - 2];
  const transpose = kernelFunction('Transpose', 'wasm');
  return transpose({ inputs: { x }, attrs: { perm }, backend }) as tf.TensorInfo;
}

/** The shape [rows, columns] with which a tensor's memory was first a right operand. */
const firstShapes = new WeakMap<tf.DataId, string>();

/**
 * A right operand in memory that was never multiplied in another shape.
 *
 * The build packs a right operand once and remembers it by its memory: the same numbers reshaped,
 * a row taken for a column, would be multiplied as they were the first time, or out of bounds.
 */
function rightOperand(b: tf.TensorInfo, heap: Heap): tf.TensorInfo {
  const shape = b.shape.slice(-2).join();
  const first = firstShapes.get(b.dataId);
  if (first === undefined) firstShapes.set(b.dataId, shape);
  if (first === undefined || first === shape) return b;
  const copy = heap.makeOutput(b.shape, b.dtype);
  heap.typedArrayFromHeap(copy).set(heap.typedArrayFromHeap(b));
  firstShapes.set(copy.dataId, shape);
  return copy;
}

/** Multiplies by the stock kernel, on operands that suit it. */
function byTheBuild(kernelName: string) {
  const multiply = kernelFunction(kernelName, 'wasm');
  return ({ inputs, attrs, backend }: Product): tf.TensorInfo => {
    const { transposeA, transposeB } = attrs;
    const a = transposeA ? transposed(inputs.a, backend) : inputs.a;
    const b = transposeB ? transposed(inputs.b, backend) : rightOperand(inputs.b, backend as Heap);
    try {
      return multiply({
        inputs: { ...inputs, a, b },
        attrs: { ...attrs, transposeA: false, transposeB: false },
        backend,
      }) as tf.TensorInfo;
    } finally {
      if (a !== inputs.a) backend.disposeData(a.dataId);
      if (b !== inputs.b) backend.disposeData(b.dataId);
    }
  };
}

const size = (shape: number[]) => shape.reduce((a, b) => a * b, 1);

/**
 * Multiplies in place on the heap; each matrix of a batch by itself.
 *
 * The bias is a row that is added to all rows, or a whole result to add to.
 */
function inPlace(multiply: Multiply, { inputs, attrs, backend }: Product): tf.TensorInfo {
  const heap = backend as Heap;
  const { a, b, bias } = inputs;
  const { transposeA, transposeB } = attrs;
  const { rows, inner, columns } = lengthsOf({ inputs, attrs, backend });
  if (inner !== b.shape.at(transposeB ? -1 : -2)) {
    throw new Error(`Error in matMul: shapes [${a.shape}] and [${b.shape}] do not fit together`);
  }
  const batchA = a.shape.slice(0, -2);
  const batchB = b.shape.slice(0, -2);
  const batch = tf.broadcast_util.assertAndGetBroadcastShape(batchA, batchB);
  const out = heap.makeOutput([...batch, rows, columns], 'float32');
  // Views are taken now, after the last allocation: an allocation may move the heap.
  const [left, right, to] = [floats(heap, a), floats(heap, b), floats(heap, out)];
  if (bias) {
    const offsets = floats(heap, bias);
    for (let o = 0; o < to.length; o += offsets.length) to.set(offsets, o);
  }
  const part = (of: Float32Array, count: number, i: number, length: number) =>
    of.subarray((i % count) * length, ((i % count) + 1) * length);
  const count = size(batch);
  // Without a library batches are planned once.
  if (count > 1 && !bias && inner <= MOST_TERMS && systemMultiply() === undefined) {
    const product = { transposeA, transposeB, m: rows, n: columns, k: inner };
    const of = {
      a: { at: left.byteOffset, length: rows * inner, among: size(batchA) },
      b: { at: right.byteOffset, length: inner * columns, among: size(batchB) },
      out: { at: to.byteOffset, length: rows * columns, among: count },
    };
    multiplyEachOn(heap, product, count, (operand, i) => {
      const { at, length, among } = of[operand];
      return at + 4 * length * (i % among);
    });
    return out;
  }
  for (let i = 0; i < count; i++) {
    const l = part(left, size(batchA), i, rows * inner);
    const r = part(right, size(batchB), i, inner * columns);
    const t = part(to, count, i, rows * columns);
    multiply(transposeA, transposeB, rows, columns, inner, l, r, t, bias !== undefined);
  }
  return out;
}

/** The product of a row and a column by `VectorDot`, whose sums are in float64; undefined for others. */
function asDot(call: Product): tf.TensorInfo | undefined {
  const { inputs, attrs, backend } = call;
  const { a: x, b: y, bias } = inputs;
  const { rows, inner, columns } = lengthsOf(call);
  const isDot = rows * columns === 1 && size(x.shape) === inner && size(y.shape) === inner;
  if (!isDot || bias) return undefined;
  const dot = kernelFunction('VectorDot', 'wasm');
  const out = dot({ inputs: { x, y }, attrs: attrs, backend }) as tf.TensorInfo;
  return reshaped(out, [
    ...tf.backend_util.assertAndGetBroadcastShape(x.shape.slice(0, -2), y.shape.slice(0, -2)),
    ...[1, 1],
  ]);
}

/** Whether a batch is not broadcast, or one matrix is for all. */
function isSimple({ inputs: { a, b, bias } }: Product): boolean {
  const [batchA, batchB] = [a.shape.slice(0, -2), b.shape.slice(0, -2)];
  const simple = batchA.join() === batchB.join() || size(batchA) === 1 || size(batchB) === 1;
  return simple && (!bias || bias.shape.length === 1) && size(a.shape) * size(b.shape) > 0;
}

/** Products of at most so many multiplications each cost less in one call of the build. */
const SMALL = 2 ** 10;

function isBatchOfSmall(call: Product): boolean {
  const { a, b } = call.inputs;
  const { rows, inner, columns } = lengthsOf(call);
  const isBatch = Math.max(size(a.shape.slice(0, -2)), size(b.shape.slice(0, -2))) > 1;
  return isBatch && rows * inner * columns <= SMALL;
}

/**
 * Products of matrices: by BLAS where it is on, else by our own; what is broadcast, and batches of small
 * ones, by the build.
 */
export function repairMatrixProducts(): void {
  for (const kernel of ['BatchMatMul', '_FusedMatMul']) {
    const build = byTheBuild(kernel);
    replaceKernel<'a' | 'b' | 'bias', Attributes>(kernel, 'wasm', (call) => {
      const { activation = 'linear' } = call.attrs;
      if (activation !== 'linear' || !isSimple(call)) return build(call);
      const library = systemMultiply();
      if (library !== undefined) return inPlace(library, call);
      if (isBatchOfSmall(call)) return build(call);
      return asDot(call) ?? inPlace(multiplyOn(call.backend as Heap), call);
    });
  }
  addMatMulAdd();
}

/**
 * Adds a kernel that the wasm backend does not have: `MatMulAdd`, addend + op(a) · op(b).
 *
 * It has no gradient: nothing that is recorded may use it.
 */
function addMatMulAdd(): void {
  // Looked up when they are needed: the kernels of that time know empty factors.
  const [product, sum] = ['BatchMatMul', 'Add'].map(
    (name) => (call: AnyCall) => kernelFunction(name, 'wasm')(call) as tf.TensorInfo,
  );
  const kernel = 'MatMulAdd';
  replaceKernel<'a' | 'b' | 'addend', Attributes>(kernel, 'wasm', ({ inputs, attrs, backend }) => {
    const { a, b, addend } = inputs;
    const factors = { inputs: { a, b }, attrs, backend } as Product;
    const library = systemMultiply();
    if (isSimple(factors) && (library !== undefined || !isBatchOfSmall(factors))) {
      const multiply = library ?? multiplyOn(backend as Heap);
      return inPlace(multiply, { inputs: { a, b, bias: addend }, attrs, backend });
    }
    const ab = product!({ inputs: { a, b }, attrs: attrs, backend });
    const result = sum!({ inputs: { a: ab, b: addend }, attrs: {}, backend });
    backend.disposeData(ab.dataId);
    return result;
  });
}
