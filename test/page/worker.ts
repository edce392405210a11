/**
 * The worker in which the tests use the library as a kernel in a page would: by the bundle, and by
 * the symbols on `globalThis`.
 */
import type * as bundle from '../../course/browser';
import type { Bundle } from '../../course/output';
import { hypergradient, solve, step } from './tasks';

/** One thing that a test has the worker do. */
export type Call =
  | { do: 'start'; directory?: string; forgets?: boolean }
  | { do: 'solve' }
  | { do: 'shown' }
  | { do: 'globals' }
  | { do: 'step' | 'hypergradient'; backend: 'cpu' | 'wasm' | 'webgpu' }
  | { do: 'cell'; code: string };

let library: typeof bundle;
const shown: Bundle[] = [];
const host = globalThis as Record<symbol, unknown>;
host[Symbol.for('implicit-kernel.display')] = (shownNow: Bundle) => void shown.push(shownNow);

async function start(directory?: string, forgets = false): Promise<void> {
  // As where a browser is told to keep nothing.
  if (forgets) Object.defineProperty(globalThis, 'indexedDB', { value: undefined });
  const assets = new URL('/lib/', location.href).href;
  library = await import(`${assets}index.js`);
  await library.initialize({ assets, ...(directory !== undefined && { directory }) });
}

/** Runs code as a kernel runs a cell: hooks first, then its body, of which the value comes back. */
async function cell(code: string): Promise<unknown> {
  const hooks = host[Symbol.for('implicit-kernel.before-cell')] as Set<
    (code: string) => Promise<void>
  >;
  for (const hook of hooks) await hook(code);
  const body = new Function('lab', 'tf', `return (async () => { ${code} })()`);
  return body({ ...library.library, ...library.course }, library.tensorflow);
}

async function answer(call: Call): Promise<unknown> {
  if (call.do === 'start') return start(call.directory, call.forgets);
  if (call.do === 'cell') return cell(call.code);
  if (call.do === 'shown') return shown.splice(0);
  if (call.do === 'globals')
    return ['process', 'Buffer', 'require', 'global'].filter((name) => name in globalThis);
  if (call.do === 'solve') return solve(library);
  return (call.do === 'step' ? step : hypergradient)(library, call.backend);
}

self.onmessage = async ({ data: { id, call } }: MessageEvent<{ id: number; call: Call }>) => {
  try {
    self.postMessage({ id, value: await answer(call) });
  } catch (error) {
    const { name, message } = error as Error;
    self.postMessage({ id, error: `${name}: ${message}` });
  }
};
