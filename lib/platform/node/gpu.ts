import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Adapter, Gpu } from '../adapter';

export type { Adapter, Gpu } from '../adapter';

/**
 * Why there can be no Vulkan driver here, or nothing where there may be one.
 *
 * The loader and Dawn print warnings about missing drivers on stderr, which would end up in a notebook,
 * so it is looked for first.
 */
function vulkanObstacle(): string | undefined {
  if (process.platform !== 'linux') return undefined;
  if (!hasLoader()) return 'the Vulkan loader (libvulkan.so.1) is missing';
  return hasDriver() ? undefined : 'no GPU driver was found';
}

function hasLoader(): boolean {
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

/** Whether a driver has announced itself by a manifest, in any of the places the loader reads. */
function hasDriver(): boolean {
  const { env } = process;
  if (env.VK_DRIVER_FILES || env.VK_ICD_FILENAMES || env.VK_ADD_DRIVER_FILES) return true;
  const bases = [
    '/etc',
    '/usr/local/etc',
    '/usr/local/share',
    '/usr/share',
    env.XDG_CONFIG_HOME ?? join(homedir(), '.config'),
    env.XDG_DATA_HOME ?? join(homedir(), '.local/share'),
    ...[env.XDG_CONFIG_DIRS, env.XDG_DATA_DIRS].flatMap((list) => list?.split(':') ?? []),
  ];
  return bases.some((base) => {
    const folder = join(base, 'vulkan/icd.d');
    return existsSync(folder) && readdirSync(folder).some((name) => name.endsWith('.json'));
  });
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
    const obstacle = vulkanObstacle();
    if (obstacle) return { reason: obstacle };
    const present = (globalThis as { navigator?: { gpu?: Gpu } }).navigator?.gpu;
    const gpu = present ?? ((await import('webgpu')).create([]) as Gpu);
    const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
    if (!adapter) return { reason: 'no GPU driver was found' };
    const { info } = adapter;
    const device = info.description || info.device || `${info.vendor} ${info.architecture}`.trim();
    const software = Boolean(info.isFallbackAdapter ?? adapter.isFallbackAdapter);
    return { device: device || 'unnamed GPU', software, gpu };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'MODULE_NOT_FOUND' || code === 'ERR_MODULE_NOT_FOUND') {
      return { reason: 'the package webgpu is not installed (npm install webgpu)' };
    }
    return { reason: `the package webgpu does not load (${firstLine(error)})` };
  }
}

/** Gives the process the globals that a browser with WebGPU has. */
export async function openGpu(gpu: Gpu): Promise<void> {
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
