import type * as tf from '@tensorflow/tfjs';
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
