import * as tf from '@tensorflow/tfjs';

/** What a kernel is handed; `backend` is the one that it belongs to. */
export interface Call<I extends string, A> {
  inputs: Record<I, tf.TensorInfo>;
  attrs: A;
  backend: tf.KernelBackend;
}

type Compute = (call: Call<string, never>) => tf.TensorInfo | tf.TensorInfo[];

/** The kernel's own function, unchanged. */
export function kernelFunction(kernelName: string, backendName: string): Compute {
  return tf.getKernel(kernelName, backendName).kernelFunc as unknown as Compute;
}

/** Puts a function in the place of a backend's kernel, or where there was none. */
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
    kernelFunc: compute as unknown as tf.KernelFunc,
  });
}

/** The same elements in another shape, as an input to a kernel. */
export const reshaped = (x: tf.TensorInfo, shape: number[]): tf.TensorInfo => ({
  dataId: x.dataId,
  shape,
  dtype: x.dtype,
});
