import type { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import { currentBackend } from '../../engine';

/** How many kernels the current backend, which is webgpu, gives the GPU while f runs. */
export function dispatchesOf(f: () => void): number {
  const backend = currentBackend<WebGPUBackend>();
  const { runWebGPUProgram } = backend;
  let count = 0;
  backend.runWebGPUProgram = (...given) => {
    count++;
    return runWebGPUProgram.apply(backend, given);
  };
  try {
    f();
    return count;
  } finally {
    backend.runWebGPUProgram = runWebGPUProgram;
  }
}
