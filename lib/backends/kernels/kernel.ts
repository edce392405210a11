import * as tf from '@tensorflow/tfjs';

/** The argument of a kernel; `backend` is the one that the kernel belongs to. */
export interface Call<I extends string, A> {
  inputs: Record<I, tf.TensorInfo>;
  attrs: A;
  backend: tf.KernelBackend;
}

/** A call of any kernel. */
export type AnyCall = Call<string, object>;

type Compute = (call: AnyCall) => tf.TensorInfo | tf.TensorInfo[];

/** The kernel's own function, unchanged. */
export function kernelFunction(kernelName: string, backendName: string): Compute {
  return tf.getKernel(kernelName, backendName).kernelFunc as Compute;
}

/** Adds a kernel to a backend; its inputs are named, or a list. */
export function addKernel<C extends { inputs: object; backend: tf.KernelBackend }>(
  kernelName: string,
  backendName: string,
  compute: (call: C) => tf.TensorInfo | tf.TensorInfo[],
): void {
  // TensorFlow.js types every input as a record of any tensors; ours name what a kernel takes.
  const kernelFunc = compute as unknown as tf.KernelFunc;
  tf.registerKernel({ kernelName, backendName, kernelFunc });
}

/** Puts a function in place of a backend's kernel, or where there was none. */
export function replaceKernel<I extends string, A>(
  kernelName: string,
  backendName: string,
  compute: (call: Call<I, A>) => tf.TensorInfo | tf.TensorInfo[],
): void {
  const stock = tf.getKernel(kernelName, backendName);
  if (stock) tf.unregisterKernel(kernelName, backendName);
  // The stock kernel's set-up stays: what replaces it may call it.
  tf.registerKernel({
    ...stock,
    kernelName,
    backendName,
    kernelFunc: compute as Compute as tf.KernelFunc,
  });
}

/** The same elements in another shape, as an input to a kernel. */
export const reshaped = (x: tf.TensorInfo, shape: number[]): tf.TensorInfo => ({
  dataId: x.dataId,
  shape,
  dtype: x.dtype,
});
