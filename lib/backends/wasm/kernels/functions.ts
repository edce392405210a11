import type * as tf from '@tensorflow/tfjs';
import { kernelFunction, replaceKernel } from '../../kernels/kernel';
import { floats, type Heap } from './heap';

const scale = 1.0507009873554805;
const scaleAlpha = 1.7580993408473766;

const functions: Record<string, (x: number) => number> = {
  Log1p: Math.log1p,
  Selu: (x) => (x >= 0 ? scale * x : scaleAlpha * Math.expm1(x)),
  // As on cpu, the sign of a NaN is 0.
  Sign: (x) => (x > 0 ? 1 : x < 0 ? -1 : 0),
  Sin: Math.sin,
};

/**
 * Functions that the stock kernels compute for small numbers only roughly: log(1 + 1e-8), sin 1e-8 and
 * the sign of 1e-8 were 0.
 */
export function repairFunctions(): void {
  for (const [name, f] of Object.entries(functions)) {
    const stock = kernelFunction(name, 'wasm');
    replaceKernel<'x', object>(name, 'wasm', (call): tf.TensorInfo => {
      const { x } = call.inputs;
      if (x.dtype !== 'float32') return stock(call) as tf.TensorInfo;
      const heap = call.backend as Heap;
      const out = heap.makeOutput(x.shape, 'float32');
      // Views are taken after the allocation, which may move the heap.
      const [from, to] = [floats(heap, x), floats(heap, out)];
      for (let i = 0; i < to.length; i++) to[i] = f(from[i]!);
      return out;
    });
  }
}
