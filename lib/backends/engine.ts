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

/** The parts of the engine that are patched, private or needed for speed in 4.22.0, hence the exact pin. */
export interface Engine {
  /** Marks that a patch was applied. */
  [mark: symbol]: boolean | undefined;
  state: {
    activeTape: TapeNode[] | null;
    gradientDepth: number;
    kernelDepth: number;
    /** Whether `tf.profile` is looking at the kernels that run. */
    profiling: boolean;
    activeScope: { name: string } | null;
    numBytes: number;
    /** Of each tensor that is alive, by where its numbers are. */
    tensorInfo: { has(dataId: object): boolean };
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
  /** Moves data to a backend on which a kernel wants them. */
  moveData(...args: unknown[]): void;
  /** A tensor of what a kernel has returned. */
  makeTensorFromTensorInfo(info: tf.TensorInfo, backend?: tf.KernelBackend): tf.Tensor;
  isTapeOn(): boolean;
  registeredVariables: Record<string, tf.Variable>;
  /** Counts memory as freed, which the backend has freed already. */
  removeDataId(dataId: object, backend: tf.KernelBackend): void;
  findBackend(name: string): tf.KernelBackend | null;
  findBackendFactory(name: string): () => tf.KernelBackend | Promise<tf.KernelBackend>;
}

/** The engine of TensorFlow.js, with its private members and our marks. */
export const engine = (): Engine => tf.engine() as unknown as Engine;

/** The engine as it runs kernels of every kind: from a record or a list of tensors to one or more. */
export interface KernelRunner {
  runKernel(kernelName: string, inputs: object, attrs?: object): tf.Tensor | tf.Tensor[];
}

/** The same engine as `engine`. */
export const kernelRunner = (): KernelRunner => tf.engine() as unknown as KernelRunner;

/**
 * A tensor of what a kernel has returned, which is the caller's.
 *
 * @param backend where its numbers are, if another one than the current one may be
 */
export const tensorOf = (info: tf.TensorInfo, backend?: tf.KernelBackend) =>
  engine().makeTensorFromTensorInfo(info, backend);

/** Whether the backend has a kernel of our own, and no tape is running, which it would be lost to. */
export const hasKernel = (name: string) =>
  tf.getKernel(name, tf.getBackend()) !== undefined && !engine().isTapeOn();

/** The result of a kernel that takes a list of tensors. */
export const runOnList = (
  kernelName: string,
  inputs: readonly tf.Tensor[],
  attrs?: tf.NamedAttrMap,
) => engine().runKernel(kernelName, inputs as typeof inputs & tf.NamedTensorMap, attrs);

/** A weight of a layer, with the members that its type protects. */
export interface Weight {
  readonly originalName: string;
  readonly shape: number[];
  val: tf.Tensor;
  write(value: tf.Tensor): unknown;
}

/** The weights of a model or a layer: all, those that are trained, or the others. */
export const weightsOf = (
  model: tf.layers.Layer | tf.LayersModel,
  which: 'weights' | 'trainableWeights' | 'nonTrainableWeights',
) => model[which] as unknown as Weight[];

/** The current backend, with members that its type does not declare. */
export const currentBackend = <B>() => tf.backend() as tf.KernelBackend & B;
