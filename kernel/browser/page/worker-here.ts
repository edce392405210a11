import type { Asking, Beginning, FromCells, ToCells } from '../messages';
import type { CellsAt, Hearing, Places } from './cells-at';

/** On which JupyterLite's service worker hands on what workers ask. */
const CHANNEL = '/sw-api.v1';

/** The worker of the cells in the process of the page. */
export class WorkerHere implements CellsAt {
  private readonly worker: Worker;
  private readonly signals =
    typeof SharedArrayBuffer === 'undefined'
      ? undefined
      : new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  private readonly channel: BroadcastChannel | undefined;
  private asked = false;

  constructor({ scripts, library, site, directory }: Places, hearing: Hearing) {
    this.worker = new Worker(`${scripts}cells.js`, { name: 'cells' });
    this.worker.onmessage = ({ data }: MessageEvent<FromCells>) => {
      if (data.type === 'done' || data.type === 'handled') this.asked = false;
      hearing.message(data);
    };
    this.worker.onerror = (event) => {
      event.preventDefault();
      hearing.failed(event.message);
    };
    let asking: Asking | undefined;
    if (!this.signals) {
      asking = { url: `${site}api/stdin/implicit-kernel`, id: crypto.randomUUID() };
      this.channel = this.answer(asking);
    }
    const beginning: Beginning = {
      type: 'begin',
      library,
      directory,
      signals: this.signals?.buffer as SharedArrayBuffer | undefined,
      asking,
    };
    this.worker.postMessage(beginning);
  }

  post(message: ToCells): void {
    this.worker.postMessage(message);
  }

  signal(): void {
    if (this.signals) Atomics.store(this.signals, 0, 1);
    this.asked = true;
  }

  end(): void {
    this.channel?.close();
    this.worker.terminate();
  }

  /** Answers the worker, which asks while it is busy and waits for the answer. */
  private answer({ id }: Asking): BroadcastChannel {
    const channel = new BroadcastChannel(CHANNEL);
    channel.onmessage = ({ data }) => {
      if (data?.browsingContextId !== id || data.response !== undefined) return;
      const interrupt = this.asked;
      this.asked = false;
      channel.postMessage({
        browsingContextId: id,
        requestId: data.requestId,
        response: { interrupt },
      });
    };
    return channel;
  }
}
