import * as tf from '@tensorflow/tfjs';

/** One recorded operation, as TensorFlow.js 4.22 keeps it on its tape. */
export interface TapeNode {
  id: number;
  kernelName: string;
  inputs: Record<string, tf.Tensor>;
  outputs: tf.Tensor[];
  saved: tf.Tensor[];
  gradient?: (dys: (tf.Tensor | null)[]) => Record<string, () => tf.Tensor>;
}

/** The parts of the engine that are patched or private in 4.22.0, hence the exact pin. */
export interface Engine {
  /** Marks of what was done to it. */
  [mark: symbol]: boolean | undefined;
  state: {
    activeTape: TapeNode[] | null;
    gradientDepth: number;
    kernelDepth: number;
    /** Whether `tf.profile` is looking at the kernels that run. */
    profiling: boolean;
    activeScope: { name: string } | null;
    numBytes: number;
  };
  registry: Record<string, tf.KernelBackend & { numDataIds(): number }>;
  addTapeNode(
    kernelName: string,
    inputs: Record<string, tf.Tensor>,
    outputs: tf.Tensor[],
    gradient: unknown,
    saved: tf.Tensor[],
    attrs: tf.NamedAttrMap,
  ): void;
  getTensorsForGradient(
    kernelName: string,
    inputs: Record<string, tf.Tensor>,
    outputs: tf.Tensor[],
  ): tf.Tensor[];
  customGrad(f: Parameters<typeof tf.customGrad>[0]): ReturnType<typeof tf.customGrad>;
  gradients(
    f: () => tf.Tensor,
    xs: tf.Tensor[],
    dy?: tf.Tensor,
    allowNoGradients?: boolean,
  ): { value: tf.Tensor; grads: (tf.Tensor | null)[] };
  runKernel(
    kernelName: string,
    inputs: Record<string, tf.Tensor>,
    attrs?: tf.NamedAttrMap,
  ): tf.Tensor;
  makeTensor(...args: unknown[]): tf.Tensor;
  readSync(...args: unknown[]): unknown;
  findBackend(name: string): tf.KernelBackend | null;
  findBackendFactory(name: string): () => tf.KernelBackend | Promise<tf.KernelBackend>;
}

/** TensorFlow.js' one engine, with its private members, and with marks of what was done to it. */
export const engine = (): Engine => tf.engine() as unknown as Engine;
