/** A worker that computes on memory of this thread. */
export interface SharingWorker {
  post(message: unknown): void;
  end(): void;
}

/** Runs `load`: a page whose threads share memory has the threaded build, whose memory is shared anyway. */
export const withSharedMemory = <T>(load: () => Promise<T>): Promise<T> => load();

const LISTEN = 'const listen = (f) => { onmessage = ({ data }) => f(data); };\n';

/** Starts a worker with a script in which `listen` takes a function of messages. */
export function startWorker(script: string): SharingWorker {
  const url = URL.createObjectURL(new Blob([LISTEN + script], { type: 'text/javascript' }));
  const worker = new Worker(url);
  // One that does not start takes no part; the work is done by others.
  worker.onerror = (event) => event.preventDefault();
  return {
    post(message) {
      worker.postMessage(message);
    },
    end() {
      worker.terminate();
      URL.revokeObjectURL(url);
    },
  };
}

/** Whether this thread may sleep while it waits for others: that of a page may not. */
export const maySleep = (): boolean => typeof document === 'undefined';
