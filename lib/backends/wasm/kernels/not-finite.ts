import type * as tf from '@tensorflow/tfjs';
import { type AnyCall, type Call, kernelFunction, replaceKernel } from '../../kernels/kernel';
import { byCpu } from './by-cpu';
import { isFiniteThroughout } from './finite';
import type { Heap } from './heap';

type Info = tf.TensorInfo;

/** Kernels of the build that make −∞ of a NaN, or what they take for its bound. */
const clamping = ['Conv2D', 'DepthwiseConv2dNative', 'AvgPool'];

/** Kernels that apply a function to what they compute, and make 0 of a NaN where that is relu. */
const fused = ['FusedConv2D', 'FusedDepthwiseConv2D', '_FusedMatMul'];

const activations: Record<string, string> = {
  relu: 'Relu',
  relu6: 'Relu6',
  sigmoid: 'Sigmoid',
  elu: 'Elu',
  leakyrelu: 'LeakyRelu',
  prelu: 'Prelu',
};

interface Fused {
  activation: string;
  leakyreluAlpha?: number;
}

/** The function of a fused kernel, by the kernel of its own. */
function activated(x: Info, { inputs, attrs, backend }: Call<string, Fused>): Info {
  const kernel = activations[attrs.activation]!;
  const alpha = inputs.preluActivationWeights;
  const result = kernelFunction(
    kernel,
    'wasm',
  )({
    inputs: alpha && kernel === 'Prelu' ? { x, alpha } : { x },
    attrs: { alpha: attrs.leakyreluAlpha },
    backend,
  }) as Info;
  backend.disposeData(x.dataId);
  return result;
}

/** The result of a kernel of the build, or of cpu where that is not finite. */
function checked(kernelName: string, call: AnyCall, compute: (call: AnyCall) => Info): Info {
  const result = compute(call);
  if (isFiniteThroughout(call.backend as Heap, result)) return result;
  call.backend.disposeData(result.dataId);
  return byCpu(kernelName, call) as Info;
}

/**
 * Convolutions, averages and fused kernels of what is not finite.
 *
 * The library behind the stock kernels bounds every result, and a NaN comes out as a bound: −∞, and
 * 0 after a relu. A network that had diverged looked sound.
 */
export function repairNotFinite(): void {
  for (const kernel of clamping) {
    const stock = kernelFunction(kernel, 'wasm') as (call: AnyCall) => Info;
    replaceKernel<string, object>(kernel, 'wasm', (call) => checked(kernel, call, stock));
  }
  for (const kernel of fused) {
    const stock = kernelFunction(kernel, 'wasm') as (call: AnyCall) => Info;
    const compute = (call: AnyCall) =>
      kernel === '_FusedMatMul' ? stock(call) : checked(kernel, call, stock);
    replaceKernel<string, Fused>(kernel, 'wasm', (call) => {
      if (!(call.attrs.activation in activations)) return compute(call);
      const attrs = { ...call.attrs, activation: 'linear' };
      // With slopes at hand the build leaves its result where only its own prelu looks for it.
      const { preluActivationWeights: _, ...inputs } = call.inputs;
      return activated(compute({ ...call, inputs, attrs }), call);
    });
  }
}
