import { createRequire } from 'node:module';
import os from 'node:os';
import workerThreads from 'node:worker_threads';

/** The threaded build makes its eight workers up front and can use no more. */
export const mostThreads = 8;

/** Why there can be one thread only; undefined in Node.js, whose workers run the build. */
export const threadsObstacle = (): string | undefined =>
  'Deno' in globalThis ? "Deno's workers do not run the threaded build" : undefined;

/** As many threads as there are cores, up to what the build can use. */
export const defaultThreads = () =>
  threadsObstacle() === undefined ? Math.min(os.availableParallelism(), mostThreads) : 1;

/** The folder of the WebAssembly files: they are next to the package's code. */
export const wasmFolder = (): string | undefined => undefined;

const build = '@tensorflow/tfjs-backend-wasm/wasm-out/tfjs-backend-wasm-threaded-simd';

/**
 * Runs `load`, which starts the threaded wasm build, in surroundings where that works under Node.
 *
 * The build asks for `Worker`s from a blob URL, which Node's workers cannot run, and caps its
 * threads at half of `os.cpus()`. Both are answered here, and put back whatever happens. The
 * workers are unreferenced: they hold no process open.
 */
export async function withThreads<T>(threads: number, load: () => Promise<T>): Promise<T> {
  const require = createRequire(__filename);
  const { wasmWorkerContents } = require(`${build}.worker.js`) as { wasmWorkerContents: string };
  // The source comes out of a template literal, which made line ends of its `\n`s.
  const source = wasmWorkerContents.replaceAll('\n', '\\n');
  const script = require.resolve(`${build}.js`);
  const { Worker } = workerThreads;
  const { cpus } = os;
  const globalWorker = Object.getOwnPropertyDescriptor(globalThis, 'Worker');
  let fail: (error: Error) => void = () => {};
  const broken = new Promise<never>((_, reject) => {
    fail = reject;
  });

  class PoolWorker extends Worker {
    private readonly pooled: boolean;

    constructor(url: string | URL, options?: workerThreads.WorkerOptions) {
      const pooled = String(url).startsWith('blob:');
      // A preload (tsx, in a notebook) would only make each worker slower to start.
      const { NODE_OPTIONS: _, ...env } = process.env;
      if (pooled) super(source, { ...options, eval: true, execArgv: [], env });
      else super(url, options);
      this.pooled = pooled;
      if (!pooled) return;
      super.on('error', (error) => fail(error));
      this.unref();
    }

    // Emscripten references a worker that runs: an idle pool would hold the process open.
    override ref() {
      if (!this.pooled) super.ref();
    }

    // Emscripten's handler of errors throws where no code can catch it.
    override on(event: string, listener: (...args: never[]) => void): this {
      return this.pooled && event === 'error' ? this : super.on(event, listener as () => void);
    }

    override postMessage(message: { cmd?: string }, transfer?: workerThreads.Transferable[]) {
      const isLoad = this.pooled && message.cmd === 'load';
      super.postMessage(isLoad ? { ...message, urlOrBlob: script } : message, transfer);
    }
  }

  os.cpus = () => Array.from({ length: 2 * threads }, () => cpus()[0]!);
  workerThreads.Worker = PoolWorker;
  // The workers are unreferenced, so something else has to keep Node waiting for them.
  const alive = setInterval(() => {}, 1000);
  try {
    return await Promise.race([load(), broken]);
  } finally {
    clearInterval(alive);
    workerThreads.Worker = Worker;
    os.cpus = cpus;
    if (globalWorker) Object.defineProperty(globalThis, 'Worker', globalWorker);
    else delete (globalThis as { Worker?: unknown }).Worker;
    fail = () => {};
  }
}
