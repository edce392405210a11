import type { Adapter, Gpu } from '../adapter';

export type { Adapter, Gpu } from '../adapter';

/** Looks for a GPU without leaving a trace. */
export async function findAdapter(): Promise<Adapter> {
  const { gpu } = navigator as { gpu?: Gpu };
  if (!gpu) return { reason: 'this browser has no WebGPU, or the page does not come by https' };
  try {
    const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
    if (!adapter) return { reason: 'the browser offers no GPU' };
    const { info } = adapter;
    const device = info.description || info.device || `${info.vendor} ${info.architecture}`.trim();
    const isFallback = Boolean(info.isFallbackAdapter ?? adapter.isFallbackAdapter);
    // Chromium does not always mark its own software adapter.
    const software = isFallback || /swiftshader/i.test(`${info.architecture} ${device}`);
    return { device: device || 'unnamed GPU', software, gpu };
  } catch (error) {
    return { reason: `the browser's WebGPU fails (${(error as Error).message})` };
  }
}

/** A browser has WebGPU's globals already. */
export const openGpu = async (_gpu: Gpu): Promise<void> => {};
