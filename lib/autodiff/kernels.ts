import type * as tf from '@tensorflow/tfjs';
import { hasKernel, runOnList } from '../backends/engine';
import { engine } from './tape';

/**
 * The few kernels that products are made of, called without the checks of the public operations.
 *
 * Shapes and types were right when the operations were recorded; the checks would cost more than
 * a small kernel itself.
 */
export const add = (a: tf.Tensor, b: tf.Tensor) => engine().runKernel('Add', { a, b });
export const subtract = (a: tf.Tensor, b: tf.Tensor) => engine().runKernel('Sub', { a, b });
export const multiply = (a: tf.Tensor, b: tf.Tensor) => engine().runKernel('Multiply', { a, b });
export const negate = (x: tf.Tensor) => engine().runKernel('Neg', { x });
export const copy = (x: tf.Tensor) => engine().runKernel('Identity', { x });
export const reshape = (x: tf.Tensor, shape: number[]) =>
  engine().runKernel('Reshape', { x }, { shape });
export const transpose = (x: tf.Tensor, perm: number[]) =>
  engine().runKernel('Transpose', { x }, { perm });
export const sumOver = (x: tf.Tensor, axis: number[], keepDims = false) =>
  engine().runKernel('Sum', { x }, { axis, keepDims });
export const tile = (x: tf.Tensor, reps: number[]) => engine().runKernel('Tile', { x }, { reps });
export const matMul = (a: tf.Tensor, b: tf.Tensor, transposeA: boolean, transposeB: boolean) =>
  engine().runKernel('BatchMatMul', { a, b }, { transposeA, transposeB });

/** Tensors one below the other. */
export const concat = (parts: tf.Tensor[], axis = 0) => runOnList('Concat', parts, { axis });
/** The rows of a tensor, in parts with the given numbers of rows. */
export const split = (x: tf.Tensor, numOrSizeSplits: number[]) =>
  [engine().runKernel('SplitV', { x }, { numOrSizeSplits, axis: 0 })].flat();

/** addend + a ⊙ b, where the addend has the shape of the result. */
export function multiplyAdd(a: tf.Tensor, b: tf.Tensor, addend?: tf.Tensor): tf.Tensor {
  if (addend === undefined) return multiply(a, b);
  if (hasKernel('MultiplyAdd')) return engine().runKernel('MultiplyAdd', { a, b, addend });
  return addTo(addend, multiply(a, b));
}

/** addend + op(a) · op(b), where op may transpose and the addend has the shape of the result. */
export function matMulAdd(
  a: tf.Tensor,
  b: tf.Tensor,
  transposeA: boolean,
  transposeB: boolean,
  addend?: tf.Tensor,
): tf.Tensor {
  if (addend === undefined) return matMul(a, b, transposeA, transposeB);
  if (hasKernel('MatMulAdd')) {
    return engine().runKernel('MatMulAdd', { a, b, addend }, { transposeA, transposeB });
  }
  return addTo(addend, matMul(a, b, transposeA, transposeB));
}

/** a + b, of which b is used up. */
function addTo(a: tf.Tensor, b: tf.Tensor): tf.Tensor {
  const sum = add(a, b);
  b.dispose();
  return sum;
}
