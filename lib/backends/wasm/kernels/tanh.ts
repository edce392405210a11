import type * as tf from '@tensorflow/tfjs';
import { type Call, kernelFunction, replaceKernel } from '../../kernels/kernel';
import { hyperbolicTangent } from '../fused/functions';
import { entrywise } from './entrywise';
import type { Heap } from './heap';

const tanh = entrywise({
  inputs: 1,
  cost: 6,
  lanes: 4,
  write(f) {
    const x = f.local('v128');
    return (load) => {
      load(0);
      f.set(x);
      hyperbolicTangent(f, x, () => f.local('v128'));
    };
  },
});

/**
 * The hyperbolic tangent, four numbers at once, as in programs.
 *
 * The stock kernel calls the C library for each number, which with a recurrent network's few hidden
 * units takes longer than its matrix products.
 */
export function repairTanh(): void {
  const stock = kernelFunction('Tanh', 'wasm');
  replaceKernel('Tanh', 'wasm', (call: Call<'x', object>): tf.TensorInfo => {
    const { x } = call.inputs;
    if (x.dtype !== 'float32') return stock(call) as tf.TensorInfo;
    return tanh(call.backend as Heap, [x], x.shape);
  });
}
