import { createRequire } from 'node:module';
import * as tf from '@tensorflow/tfjs';
import { UnsupportedError } from '../../errors';
import { repairWebgpuKernels } from './kernels';

/** What stands in a GPU adapter's `info`. */
interface AdapterInfo {
  vendor: string;
  architecture: string;
  device: string;
  description: string;
  isFallbackAdapter?: boolean;
}

/** The little of the WebGPU interface that is needed here. */
interface Gpu {
  requestAdapter(options?: {
    powerPreference?: 'high-performance';
  }): Promise<{ info: AdapterInfo; isFallbackAdapter?: boolean } | null>;
}

/** A GPU that was found, or why none was. */
export type Adapter = { device: string; software: boolean; gpu: Gpu } | { reason: string };

/** Dawn complains on stderr where the Vulkan loader is missing, so it is looked for first. */
function hasLoader(): boolean {
  if (process.platform !== 'linux') return true;
  let koffi: typeof import('koffi');
  try {
    koffi = createRequire(__filename)('koffi') as typeof import('koffi');
  } catch {
    return true;
  }
  try {
    koffi.load('libvulkan.so.1').unload();
    return true;
  } catch {
    return false;
  }
}

const firstLine = (error: unknown) => String((error as Error)?.message ?? error).split('\n')[0]!;

/**
 * Looks for a GPU without leaving a trace.
 *
 * It comes before the backend is imported, because that registers only where `navigator.gpu`
 * exists, and because a `navigator` without a GPU behind it misleads other libraries.
 */
export async function findAdapter(): Promise<Adapter> {
  try {
    if (!hasLoader()) return { reason: 'the Vulkan loader (libvulkan.so.1) is missing' };
    const present = (globalThis as { navigator?: { gpu?: Gpu } }).navigator?.gpu;
    const gpu = present ?? ((await import('webgpu')).create([]) as unknown as Gpu);
    const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
    if (!adapter) return { reason: 'no GPU driver was found' };
    const { info } = adapter;
    const device = info.description || info.device || `${info.vendor} ${info.architecture}`.trim();
    const software = Boolean(info.isFallbackAdapter ?? adapter.isFallbackAdapter);
    return { device: device || 'unnamed GPU', software, gpu };
  } catch (error) {
    return { reason: `the package webgpu does not load (${firstLine(error)})` };
  }
}

/** Gives the process the globals that a browser with WebGPU has. */
async function installGlobals(gpu: Gpu) {
  const { globals } = await import('webgpu');
  Object.assign(globalThis, globals);
  const scope = globalThis as { navigator?: object };
  if (!scope.navigator) {
    Object.defineProperty(globalThis, 'navigator', { value: {}, configurable: true });
  }
  if (!('gpu' in scope.navigator!)) {
    Object.defineProperty(scope.navigator, 'gpu', { value: gpu, configurable: true });
  }
}

/**
 * Makes webgpu the current backend, on the adapter that was found.
 *
 * @throws UnsupportedError where there is no adapter, or the backend does not start on it.
 */
export async function useWebgpu(adapter: Adapter): Promise<{ device: string }> {
  const refuse = (given: string) =>
    new UnsupportedError({
      given,
      expected: 'a machine with a GPU and its Vulkan driver',
      remedy: "Install a driver, or use `useBackend('wasm')`.",
    });
  if ('reason' in adapter) throw refuse(`one where ${adapter.reason}`);
  await installGlobals(adapter.gpu);
  await import('@tensorflow/tfjs-backend-webgpu');
  repairWebgpuKernels();
  if (!(await tf.setBackend('webgpu'))) throw refuse(`'${adapter.device}', which does not start`);
  return { device: adapter.device };
}
