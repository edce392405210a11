import * as tf from '@tensorflow/tfjs';
import { UnsupportedError } from '../../errors';
import { engine } from '../engine';
import { type AnyCall, kernelFunction, replaceKernel, reshaped } from '../kernels/kernel';

type Info = tf.TensorInfo;

const names = (text: string) => new Set(text.trim().split(/\s+/));

/** Kernels whose shaders are wrong, or do not compile, for integers and for yes and no. */
const floatsOnly = names(`Acos Acosh Asin Asinh Atanh BatchToSpaceND Complex Conv3D
  Conv3DBackpropFilterV2 Conv3DBackpropInputV2 Cumprod Cumsum Log1p
  MaxPool3D Pow Reciprocal SpaceToBatchND TensorScatterUpdate UnsortedSegmentSum`);

/** Those that are so for yes and no alone. */
const notYesNo = names('FusedBatchNorm Max Min Neg Mod ScatterNd Softplus');

/** Kernels that multiply what must be of one type. */
const products = names('BatchMatMul _FusedMatMul Einsum');

/** Kernels whose results have shapes that depend on more than shapes. */
const dependOnData = names(`SparseFillEmptyRows SparseReshape SparseSegmentMean SparseSegmentSum
  Unique`);

/** Kernels that look at a tensor's shape and share or fill its memory, whatever its entries are. */
const anything = names('Identity Reshape ExpandDims Cast Fill ZerosLike OnesLike Concat Pack');

/** Inputs of positions, which are integers. */
const places = names('indices segmentIds');

/** Without weights each place counts one. */
const countsPlaces = names('Bincount DenseBincount');

const isEmpty = ({ shape }: Info) => shape.includes(0);

const size = (shape: number[]) => shape.reduce((a, b) => a * b, 1);

const unsupported = (kernelName: string, given: string, remedy: string) =>
  new UnsupportedError({
    given: `${kernelName} of ${given} on webgpu`,
    expected: 'float32 tensors with entries',
    remedy,
  });

function refuseTypes(kernelName: string, inputs: AnyCall['inputs']): void {
  if (products.has(kernelName)) {
    const dtypes = new Set(Object.values(inputs).flatMap((x) => (x ? [x.dtype] : [])));
    if (dtypes.size > 1) {
      const given = `types ${[...dtypes].join(' and ')}`;
      throw unsupported(kernelName, given, "Cast them first: `tf.cast(x, 'float32')`.");
    }
  }
  for (const [name, x] of Object.entries(inputs)) {
    if (!x || places.has(name)) continue;
    const { dtype } = x;
    const isWrong =
      (floatsOnly.has(kernelName) && (dtype === 'int32' || dtype === 'bool')) ||
      (notYesNo.has(kernelName) && dtype === 'bool') ||
      (countsPlaces.has(kernelName) && name === 'weights' && dtype !== 'float32');
    if (!isWrong) continue;
    throw unsupported(kernelName, `type ${dtype}`, "Cast it first: `tf.cast(x, 'float32')`.");
  }
}

/**
 * What a kernel makes of tensors without entries, which need not be read: computed by cpu.
 *
 * Where others have entries, the result is asked for its shape only: it must be empty.
 */
function ofEmpty(kernelName: string, call: AnyCall): Info | Info[] {
  const cpu = engine().findBackend('cpu') as tf.MathBackendCPU;
  const made: Info[] = [];
  const entries = Object.entries(call.inputs).map(([name, x]) => {
    if (!x) return [name, x] as const;
    const zeros = tf.util.makeZerosTypedArray(size(x.shape), x.dtype as 'float32');
    const info = cpu.makeTensorInfo(x.shape, x.dtype, zeros);
    made.push(info);
    return [name, info] as const;
  });
  const inputs = Array.isArray(call.inputs)
    ? entries.map(([, x]) => x)
    : Object.fromEntries(entries);
  const known = Object.values(call.inputs).every((x) => !x || isEmpty(x));
  const result = kernelFunction(
    kernelName,
    'cpu',
  )({ ...call, inputs: inputs as AnyCall['inputs'], backend: cpu });
  const outputs = [result].flat();
  try {
    const handed = outputs.map(({ dataId, shape, dtype }) => {
      if (!known && (!shape.includes(0) || dependOnData.has(kernelName))) {
        const remedy = 'Leave the empty tensor out, or use wasm or cpu.';
        throw unsupported(kernelName, 'a tensor without entries', remedy);
      }
      const values = cpu.readSync(dataId) as Float32Array;
      const backend = call.backend as tf.MathBackendCPU;
      return backend.makeTensorInfo(shape, dtype, values.slice());
    });
    return Array.isArray(result) ? handed : handed[0]!;
  } finally {
    for (const y of outputs) {
      if (y instanceof tf.Tensor) y.dispose();
      else cpu.disposeData(y.dataId);
    }
    for (const { dataId } of made) cpu.disposeData(dataId);
  }
}

/** Reductions that forget to keep an axis, or to drop the last. */
function repairShapes(): void {
  interface Along {
    axis: number | number[];
    keepDims?: boolean;
  }
  for (const kernelName of ['Prod', 'ArgMax', 'ArgMin']) {
    const stock = kernelFunction(kernelName, 'webgpu');
    replaceKernel<'x', Along>(kernelName, 'webgpu', (call) => {
      const { shape } = call.inputs.x;
      const axes = tf.util.parseAxisParam(call.attrs.axis, shape);
      const kept = shape.map((n, i) => (axes.includes(i) ? 1 : n));
      const dropped = shape.filter((_, i) => !axes.includes(i));
      const result = stock(call) as Info;
      return reshaped(result, call.attrs.keepDims ? kept : dropped);
    });
  }
}

/**
 * Refuses types that a shader is wrong for, and answers for tensors without entries.
 *
 * A shader that does not compile, or has nothing bound to it, is reported to the console; its result
 * is what lay in memory.
 */
export function guardWebgpuKernels(): void {
  repairShapes();
  const known = new Set(tf.getKernelsForBackend('cpu').map(({ kernelName }) => kernelName));
  for (const { kernelName } of tf.getKernelsForBackend('webgpu')) {
    if (!known.has(kernelName) || anything.has(kernelName)) continue;
    const compute = kernelFunction(kernelName, 'webgpu');
    replaceKernel<string, object>(kernelName, 'webgpu', (call) => {
      for (const name in call.inputs) {
        const x = call.inputs[name];
        if (name === 'weights' && countsPlaces.has(kernelName)) continue;
        if (x && isEmpty(x)) return ofEmpty(kernelName, call);
      }
      refuseTypes(kernelName, call.inputs);
      return compute(call);
    });
  }
}
