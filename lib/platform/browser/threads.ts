import { host } from './host';

/** The threaded build makes its eight workers up front and can use no more. */
export const mostThreads = 8;

/** Why there can be one thread only: threads share memory. */
export const threadsObstacle = (): string | undefined =>
  globalThis.crossOriginIsolated
    ? undefined
    : 'the page is not cross-origin isolated (its host sends no COOP and COEP headers)';

/** As many threads as there are cores, up to what the build can use. */
export const defaultThreads = (): number =>
  threadsObstacle() ? 1 : Math.min(navigator.hardwareConcurrency, mostThreads);

/** The folder of the WebAssembly files, which the build copies. */
export const wasmFolder = (): string | undefined =>
  host.assets === undefined ? undefined : new URL('wasm/', host.assets).href;

/**
 * Runs `load`, which starts the threaded wasm build: it takes half of the cores that
 * the browser reports, so twice as many as it shall take are reported.
 */
export async function withThreads<T>(threads: number, load: () => Promise<T>): Promise<T> {
  Object.defineProperty(navigator, 'hardwareConcurrency', {
    value: 2 * threads,
    configurable: true,
  });
  try {
    return await load();
  } finally {
    // The browser's own value is a getter of the prototype.
    delete (navigator as { hardwareConcurrency?: number }).hardwareConcurrency;
  }
}
