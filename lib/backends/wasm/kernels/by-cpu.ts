import * as tf from '@tensorflow/tfjs';
import { engine } from '../../engine';
import { type AnyCall, kernelFunction } from '../../kernels/kernel';
import type { Heap } from './heap';

type Info = tf.TensorInfo;
type Values = tf.backend_util.TypedArray | Uint8Array[];

const arrays = { float32: Float32Array, int32: Int32Array, bool: Uint8Array };

/** The numbers in the array that a type is kept in; some kernels of cpu leave them in another. */
function inArrayOf(dtype: tf.DataType, values: Values): Values {
  if (!(dtype in arrays)) return values;
  const Wanted = arrays[dtype as keyof typeof arrays];
  return values instanceof Wanted ? values : Wanted.from(values as ArrayLike<number>);
}

function cpuBackend(): tf.MathBackendCPU {
  const cpu = engine().findBackend('cpu');
  // It would advertise tfjs-node at its first tensor.
  (cpu as { firstUse?: boolean }).firstUse = false;
  return cpu as tf.MathBackendCPU;
}

/** Hands a tensor of cpu over to the wasm backend. */
function moved(cpu: tf.MathBackendCPU, heap: Heap, { dataId, shape, dtype }: Info): Info {
  const values = inArrayOf(dtype, cpu.readSync(dataId) as Values);
  return {
    dataId: heap.write(values as tf.backend_util.BackendValues, shape, dtype),
    shape,
    dtype,
  };
}

/**
 * Computes a kernel as the cpu backend does, and hands the result over.
 *
 * It is for what the wasm build does not compute rightly and what is seldom large: integers, yes
 * and no, tensors without entries.
 */
export function byCpu(kernelName: string, call: AnyCall): Info | Info[] {
  const cpu = cpuBackend();
  const heap = call.backend as Heap;
  const copies: Info[] = [];
  const copied = (x: Info | undefined) => {
    if (!x) return x;
    const { shape, dtype } = x;
    const copy = cpu.makeTensorInfo(shape, dtype, heap.readSync(x.dataId) as Float32Array);
    copies.push(copy);
    return copy;
  };
  const entries = Object.entries(call.inputs).map(([name, x]) => [name, copied(x)] as const);
  // A list of inputs stays one.
  const inputs = Array.isArray(call.inputs)
    ? entries.map(([, x]) => x)
    : Object.fromEntries(entries);
  let made: Info[] = [];
  try {
    const result = kernelFunction(
      kernelName,
      'cpu',
    )({ inputs: inputs as AnyCall['inputs'], attrs: call.attrs, backend: cpu });
    made = [result].flat();
    const handed = made.map((y) => moved(cpu, heap, y));
    return Array.isArray(result) ? handed : handed[0]!;
  } finally {
    for (const y of made) {
      // Some kernels make tensors, which the engine counts.
      if (y instanceof tf.Tensor) y.dispose();
      else cpu.disposeData(y.dataId);
    }
    for (const { dataId } of copies) cpu.disposeData(dataId);
  }
}
