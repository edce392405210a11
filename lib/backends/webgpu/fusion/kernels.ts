import * as tf from '@tensorflow/tfjs';
import { type AnyCall, kernelFunction, replaceKernel } from '../../kernels/kernel';
import { type Place, placeIn } from './chain';
import type { Deferral } from './deferral';
import { operation, operationNames } from './operations';

type Info = tf.TensorInfo;

/** The deferral of a backend, where operations are deferred now. */
type Find = (backend: tf.KernelBackend) => Deferral | undefined;

/** Kernels that take something else than numbers, or other attributes than none. */
const special = new Set(
  'Cast EluGrad LogicalAnd LogicalNot LogicalOr One Prelu Select Step Zero'.split(' '),
);

const isNumbers = ({ dtype }: Info) => dtype === 'float32';
const isYesNo = ({ dtype }: Info) => dtype === 'bool';

/** Where the entries of each input are in the result, if that is easily said and there are any. */
function placed(inputs: readonly Info[], shape: number[]): { info: Info; at: Place }[] | undefined {
  if (shape.includes(0)) return undefined;
  const found = inputs.flatMap((info) => {
    const at = placeIn(info.shape, shape);
    return at === undefined ? [] : [{ info, at }];
  });
  return found.length === inputs.length ? found : undefined;
}

/** Puts a kernel off, where its inputs are of the right kind; else it runs at once. */
function deferKernel(
  find: Find,
  kernelName: string,
  inputsOf: (call: AnyCall) => Info[] | undefined,
): void {
  const compute = kernelFunction(kernelName, 'webgpu');
  const known = operation(kernelName);
  replaceKernel<string, object>(kernelName, 'webgpu', (call) => {
    const deferral = find(call.backend);
    const given = deferral && inputsOf(call);
    if (!deferral || !given) return compute(call);
    const shape = given
      .map((x) => x.shape)
      .reduce((a, b) => tf.broadcast_util.assertAndGetBroadcastShape(a, b));
    const inputs = placed(given, shape);
    if (inputs === undefined) return compute(call);
    const dtype = known.yesNo ? 'bool' : 'float32';
    return deferral.defer({ operation: known, inputs, shape, dtype });
  });
}

const all =
  (names: readonly string[], fits: (x: Info) => boolean) =>
  ({ inputs }: AnyCall): Info[] | undefined => {
    const given = names.map((name) => inputs[name]);
    return given.every((x) => x !== undefined && fits(x)) ? (given as Info[]) : undefined;
  };

/** Tensors that are one number all over. */
function deferConstants(find: Find): void {
  const constant = (value: number, shape: number[], dtype: string, call: AnyCall) => {
    const deferral = find(call.backend);
    if (!deferral || dtype !== 'float32' || shape.includes(0)) return undefined;
    if (value !== 1 && !Object.is(value, 0)) return undefined;
    const known = operation(value === 1 ? 'One' : 'Zero');
    return deferral.defer({ operation: known, inputs: [], shape, dtype });
  };
  const fill = kernelFunction('Fill', 'webgpu');
  interface Filled {
    shape: number[];
    value: number;
    dtype: string;
  }
  replaceKernel<string, Filled>('Fill', 'webgpu', (call) => {
    const { value, shape, dtype } = call.attrs;
    return constant(value, shape, dtype, call) ?? fill(call);
  });
  for (const [kernelName, value] of [
    ['ZerosLike', 0],
    ['OnesLike', 1],
  ] as const) {
    const compute = kernelFunction(kernelName, 'webgpu');
    replaceKernel<'x', object>(kernelName, 'webgpu', (call) => {
      const { shape, dtype } = call.inputs.x;
      return constant(value, shape, dtype, call) ?? compute(call);
    });
  }
}

/** A sum of several tensors of one shape, as sums of two. */
function deferSums(find: Find): void {
  const compute = kernelFunction('AddN', 'webgpu');
  replaceKernel<string, object>('AddN', 'webgpu', (call) => {
    const deferral = find(call.backend);
    const [first, ...rest] = Object.values(call.inputs);
    const isEven = rest.every((x) => isNumbers(x) && tf.util.arraysEqual(x.shape, first!.shape));
    const fits = first && rest.length > 0 && isNumbers(first) && isEven;
    if (!deferral || !fits || first.shape.includes(0)) return compute(call);
    const add = operation('Add');
    return rest.reduce((sum, x, i) => {
      const inputs = [sum, x].map((info) => ({ info, at: 'same' as const }));
      const next = deferral.defer({ operation: add, inputs, shape: x.shape, dtype: 'float32' });
      if (i > 0) call.backend.disposeData(sum.dataId);
      return next;
    }, first);
  });
}

/** Lets the kernels of entries be deferred where `find` returns something to defer them by. */
export function deferKernels(find: Find): void {
  const registered = new Set(tf.getKernelsForBackend('webgpu').map((k) => k.kernelName));
  for (const name of operationNames) {
    if (special.has(name) || !registered.has(name)) continue;
    const names = operation(name).parameters === 1 ? ['x'] : ['a', 'b'];
    deferKernel(find, name, all(names, isNumbers));
  }
  deferKernel(find, 'Step', (call) => {
    const { x } = call.inputs;
    const isZeroBelow = !('alpha' in call.attrs) || call.attrs.alpha === 0;
    return isZeroBelow && x && isNumbers(x) ? [x] : undefined;
  });
  deferKernel(find, 'Prelu', all(['x', 'alpha'], isNumbers));
  deferKernel(find, 'EluGrad', all(['dy', 'y'], isNumbers));
  deferKernel(find, 'LogicalAnd', all(['a', 'b'], isYesNo));
  deferKernel(find, 'LogicalOr', all(['a', 'b'], isYesNo));
  deferKernel(find, 'LogicalNot', all(['x'], isYesNo));
  deferKernel(find, 'Select', (call) => {
    const { condition, t, e } = call.inputs;
    const fits = condition && t && e && isYesNo(condition) && isNumbers(t) && isNumbers(e);
    const isEven = fits && tf.util.arraysEqual(condition.shape, t.shape);
    return isEven && tf.util.arraysEqual(t.shape, e.shape) ? [condition, t, e] : undefined;
  });
  deferKernel(find, 'Cast', (call) => {
    const { x } = call.inputs;
    const isRenamed = 'dtype' in call.attrs && call.attrs.dtype === 'float32';
    return isRenamed && x && isYesNo(x) ? [x] : undefined;
  });
  deferConstants(find);
  deferSums(find);
}
