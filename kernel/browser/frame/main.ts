import type { Beginning, FromCells } from '../messages';
import type { FromFrame, Opening, ToFrame } from './messages';

/**
 * The script of a frame with a process of its own: it starts the worker of the cells, hands on what page and worker
 * say, and holds a lock, from which the page learns that the process has died.
 */

/** The name of the lock. */
const name = location.hash.slice(1);
const { parent } = globalThis;
const signals = crossOriginIsolated
  ? new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))
  : undefined;
let worker: Worker | undefined;

function tell(message: FromFrame): void {
  parent.postMessage(message, location.origin);
}

function open({ library, directory }: Opening): void {
  worker = new Worker('cells.js', { name: 'cells' });
  worker.onmessage = ({ data }: MessageEvent<FromCells>) => tell({ type: 'cells', message: data });
  worker.onerror = (event) => {
    event.preventDefault();
    tell({ type: 'failed', message: event.message });
  };
  const beginning: Beginning = {
    type: 'begin',
    library,
    directory,
    signals: signals?.buffer as SharedArrayBuffer | undefined,
    asking: undefined,
  };
  worker.postMessage(beginning);
}

addEventListener('message', ({ data, source }: MessageEvent<ToFrame>) => {
  if (source !== parent) return;
  if (data.type === 'open') open(data);
  else if (data.type === 'signal' && signals) Atomics.store(signals, 0, 1);
  else if (data.type === 'cells') worker?.postMessage(data.message);
});

tell({ type: 'here', isolated: crossOriginIsolated });
if (crossOriginIsolated) {
  void navigator.locks.request(name, () => {
    tell({ type: 'alive' });
    return new Promise(() => {});
  });
}
