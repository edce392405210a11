import * as tf from '@tensorflow/tfjs';
import { type Heap, zeros } from '../../backends/wasm/kernels/heap';
import { engine } from '../tape';

/** Kernels of one tensor whose value has its shape. */
const UNARY = new Set([
  ...['Abs', 'Cos', 'Elu', 'Erf', 'Exp', 'Log', 'Neg', 'Reciprocal', 'Relu', 'Rsqrt', 'Sigmoid'],
  ...['Sin', 'Softplus', 'Sqrt', 'Square', 'Tanh'],
]);
/** Kernels of two tensors whose value has the shape that both are broadcast to. */
const BINARY = new Set([
  ...['Add', 'Maximum', 'Minimum', 'Multiply', 'RealDiv', 'SquaredDifference', 'Sub'],
]);

type Inputs = Record<string, { shape: number[]; dtype: string }>;

/**
 * Zeros of the shape of what a kernel would compute, where only the shape will be asked for; undefined of a
 * kernel whose shape is not known here, and of wrong inputs, of which the kernel tells itself.
 */
export function sketchOf(
  heap: Heap,
  kernel: string,
  inputs: Inputs,
  attrs: tf.NamedAttrMap,
): tf.Tensor | undefined {
  // A tape sees kernels that run.
  if (engine().isTapeOn() || Object.values(inputs).some(({ dtype }) => dtype !== 'float32'))
    return undefined;
  const shape = shapeOf(kernel, inputs, attrs);
  return shape && engine().makeTensorFromTensorInfo(zeros(heap, shape));
}

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
