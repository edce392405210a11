import workerThreads from 'node:worker_threads';

/** A worker that computes on memory of this thread. */
export interface SharingWorker {
  post(message: unknown): void;
  end(): void;
}

/** The section of a module that holds its memories, and the bits of one with a limit that threads share. */
const MEMORIES = 5;
const SHARED = 3;

/** A function of the build, by which its module is told from others. */
const EXPORTED = 'init_with_threads_count';

/**
 * Runs `load`, which starts the build for one thread, so that workers can share its memory.
 *
 * That build makes its memory itself, for one thread alone; one byte of its module says so.
 */
export async function withSharedMemory<T>(load: () => Promise<T>): Promise<T> {
  const { instantiate } = WebAssembly;
  async function sharing(source: BufferSource | WebAssembly.Module, imports?: WebAssembly.Imports) {
    if (source instanceof WebAssembly.Module) return instantiate(source, imports);
    const bytes = bytesOf(source);
    if (!bytes.includes(EXPORTED)) return instantiate(source, imports);
    try {
      return await instantiate(shared(bytes), imports);
    } catch {
      // Memory that is shared is reserved in full, for which there may be no room.
      return instantiate(source, imports);
    }
  }
  WebAssembly.instantiate = sharing as typeof instantiate;
  try {
    return await load();
  } finally {
    WebAssembly.instantiate = instantiate;
  }
}

const bytesOf = (source: BufferSource): Buffer =>
  ArrayBuffer.isView(source)
    ? Buffer.from(source.buffer, source.byteOffset, source.byteLength)
    : Buffer.from(source);

/** A copy of a module with a memory of its own, which threads can share in the copy. */
function shared(module: Buffer): Buffer<ArrayBuffer> {
  const bytes = Buffer.from(module);
  let at = 8;
  /** The next number, in LEB128. */
  const number = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++]!;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < bytes.length) {
    const section = bytes[at++];
    const length = number();
    const end = at + length;
    if (section === MEMORIES && number() === 1) bytes[at] = SHARED;
    at = end;
  }
  return bytes;
}

const LISTEN =
  "const listen = (f) => require('node:worker_threads').parentPort.on('message', f);\n";

/** Starts a worker with a script in which `listen` takes a function of messages; it holds no process open. */
export function startWorker(script: string): SharingWorker {
  // A preload (tsx, in a notebook) would only make each worker slower to start.
  const { NODE_OPTIONS: _, ...env } = process.env;
  const worker = new workerThreads.Worker(LISTEN + script, { eval: true, execArgv: [], env });
  // One that ends takes no part; the work is done by others.
  worker.on('error', () => {});
  worker.unref();
  return {
    post: (message) => worker.postMessage(message),
    end: () => void worker.terminate(),
  };
}

/** Whether this thread may sleep while it waits for others. */
export const maySleep = (): boolean => true;
