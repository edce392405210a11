import { repairEinsumKernel } from '../../kernels/einsum';

let done = false;

/** Replaces the kernels of the wasm backend that are slow, missing or wrong, once. */
export function repairKernels(): void {
  if (done) return;
  done = true;
  repairEinsumKernel('wasm');
}
