import type * as tf from '@tensorflow/tfjs';
import * as tfjs from '@tensorflow/tfjs';
import type { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import { variable } from '#platform/environment';
import { currentBackend } from '../../engine';
import { Deferral } from './deferral';
import { deferKernels } from './kernels';

const deferrals = new WeakMap<tf.KernelBackend, Deferral>();
let done = false;

/** Lets the current backend, which is webgpu, put operations of entries off where `inFewerKernels` says so. */
export function deferEntrywise(): void {
  const backend = currentBackend<WebGPUBackend>();
  if (deferrals.has(backend)) return;
  deferrals.set(backend, new Deferral(backend));
  if (done) return;
  done = true;
  deferKernels((of) => {
    const deferral = deferrals.get(of);
    return deferral?.active ? deferral : undefined;
  });
}

/**
 * Runs f; on webgpu with chains of operations of entries as one kernel each.
 *
 * Results are what they are without, to rounding. `IMPLICIT_COMPILE=0`, looked at in each call, switches it off.
 */
export function inFewerKernels<T>(f: () => T): T {
  if (tfjs.getBackend() !== 'webgpu' || variable('IMPLICIT_COMPILE') === '0') return f();
  const deferral = deferrals.get(tfjs.backend());
  return deferral === undefined ? f() : deferral.during(f);
}
