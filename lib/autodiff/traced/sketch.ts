import * as tf from '@tensorflow/tfjs';
import { type Heap, shared, zeros } from '../../backends/wasm/kernels/heap';
import { engine } from '../tape';
import type { Sketch } from './trace';

/** Kernels of one tensor whose value has its shape. */
const UNARY = new Set([
  ...['Abs', 'Cos', 'Elu', 'Erf', 'Exp', 'Log', 'Neg', 'Reciprocal', 'Relu', 'Rsqrt', 'Sigmoid'],
  ...['Sin', 'Softplus', 'Sqrt', 'Square', 'Tanh'],
]);
/** Kernels of two tensors whose value has the shape that both are broadcast to. */
const BINARY = new Set([
  ...['Add', 'Maximum', 'Minimum', 'Multiply', 'RealDiv', 'SquaredDifference', 'Sub'],
]);

type Inputs = Record<string, { shape: number[]; dtype: string; isDisposed: boolean }>;

/** Traces kernels by the shapes of what they compute: in place of it there are zeros, the same for all of a size. */
export class ZerosOnly implements Sketch {
  readonly #heap: Heap;
  readonly #zeros = new Map<number, tf.Tensor>();
  readonly onRead: () => void;

  constructor(heap: Heap, onRead: () => void) {
    this.#heap = heap;
    this.onRead = onRead;
  }

  /** Undefined of a kernel whose shape is not known here, and of wrong inputs, of which the kernel tells itself. */
  of(kernel: string, inputs: Inputs, attrs: tf.NamedAttrMap): tf.Tensor | undefined {
    const isPlain = Object.values(inputs).every(
      ({ dtype, isDisposed }) => dtype === 'float32' && !isDisposed,
    );
    // A tape sees kernels that run.
    if (!isPlain || engine().isTapeOn()) return undefined;
    const shape = shapeOf(kernel, inputs, attrs);
    const size = shape && tf.util.sizeFromShape(shape);
    if (!size) return undefined;
    const data = this.#zeros.get(size) ?? tf.keep(made(zeros(this.#heap, [size])));
    this.#zeros.set(size, data);
    return made({ ...shared(this.#heap, data), shape });
  }

  dispose(): void {
    tf.dispose([...this.#zeros.values()]);
    this.#zeros.clear();
  }
}

const made = (info: tf.TensorInfo): tf.Tensor => engine().makeTensorFromTensorInfo(info);

function shapeOf(kernel: string, { x, a, b }: Inputs, attrs: tf.NamedAttrMap) {
  if (UNARY.has(kernel)) return x?.shape;
  if (a === undefined || b === undefined) return undefined;
  if (BINARY.has(kernel)) return broadcast(a.shape, b.shape);
  if (kernel !== 'BatchMatMul' || a.shape.length < 2 || b.shape.length < 2) return undefined;
  const batch = broadcast(a.shape.slice(0, -2), b.shape.slice(0, -2));
  const turned = (shape: number[], isTransposed: unknown) =>
    isTransposed ? shape.slice(-2).reverse() : shape.slice(-2);
  const [[rows, inner], [same, columns]] = [
    turned(a.shape, attrs.transposeA) as [number, number],
    turned(b.shape, attrs.transposeB) as [number, number],
  ];
  return inner === same && batch ? [...batch, rows, columns] : undefined;
}

function broadcast(a: number[], b: number[]): number[] | undefined {
  try {
    return tf.broadcast_util.assertAndGetBroadcastShape(a, b);
  } catch {
    return undefined;
  }
}
