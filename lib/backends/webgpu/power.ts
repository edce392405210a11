import * as tf from '@tensorflow/tfjs';
import type { WebGPUBackend, WebGPUProgram } from '@tensorflow/tfjs-backend-webgpu';
import { kernelFunction, replaceKernel } from '../kernels/kernel';

const WORKGROUP = 128;

/** A shader of its own for the power of two tensors, either broadcast. */
function programOf(outputShape: number[]): WebGPUProgram {
  const size = tf.util.sizeFromShape(outputShape);
  return {
    variableNames: ['A', 'B'],
    size: true,
    workgroupSize: [WORKGROUP, 1, 1],
    outputShape,
    dispatchLayout: { x: outputShape.map((_, i) => i) },
    dispatch: [Math.ceil(size / WORKGROUP), 1, 1],
    shaderKey: 'implicit-lab Pow',
    getUserCode: () => `
      fn power(a : f32, b : f32) -> f32 {
        if (b == 0.0) { return 1.0; }
        if (isnan(a)) { return a; }
        if (isnan(b)) { return b; }
        if (a < 0.0 && floor(b) < b) { return uniforms.NAN; }
        let m = abs(a);
        if (m == 0.0) { return select(0.0, uniforms.INFINITY, b < 0.0); }
        let y = pow(m, b);
        let half = 0.5 * abs(b);
        return select(y, -y, a < 0.0 && floor(half) < half);
      }
      fn main(index : i32) {
        if (index < uniforms.size) {
          setOutputAtIndex(index, power(getAByOutputIndex(index), getBByOutputIndex(index)));
        }
      }`,
  };
}

/** Negative powers of 0 are infinite; the stock shader multiplies infinity by the sign of 0. */
export function repairPower(): void {
  const stock = kernelFunction('Pow', 'webgpu');
  replaceKernel<'a' | 'b', object>('Pow', 'webgpu', (call) => {
    const { a, b } = call.inputs;
    if (a.dtype !== 'float32' || b.dtype !== 'float32') return stock(call);
    const shape = tf.backend_util.assertAndGetBroadcastShape(a.shape, b.shape);
    const backend = call.backend as tf.KernelBackend as WebGPUBackend;
    return backend.runWebGPUProgram(programOf(shape), [a, b], 'float32');
  });
}
