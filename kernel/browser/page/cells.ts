import type { ToChild } from '../../child/messages';
import type { Child, ChildEvents, Ending } from '../../server';
import type { Asking, Beginning, FromCells } from '../messages';

/** A worker that has not ended its cell this long after an interrupt is ended itself. */
const PATIENCE_MS = 2000;

/** On which JupyterLite's service worker hands on what workers ask. */
const CHANNEL = '/sw-api.v1';

const INTERRUPTED: Ending = {
  ename: 'KeyboardInterrupt',
  evalue:
    'The cell was stuck in one call and had to be ended with its worker. All variables are lost; the next cell starts in a fresh worker.',
};

/** Where the parts of the kernel are, and the notebook. */
export interface Places {
  /** The URL of the folder with the workers, with a slash at its end. */
  scripts: string;
  /** That of the library for pages. */
  library: string;
  /** The root of the site. */
  site: string;
  /** The folder of the notebook, from the root of the site's files. */
  directory: string;
}

/** The worker in which cells run, seen from the page. */
export class CellsWorker implements Child {
  readonly ended: Promise<void>;
  private readonly worker: Worker;
  private readonly signals =
    typeof SharedArrayBuffer === 'undefined'
      ? undefined
      : new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  private readonly channel: BroadcastChannel | undefined;
  private settle: () => void = () => {};
  private asked = false;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    { scripts, library, site, directory }: Places,
    private readonly events: ChildEvents,
  ) {
    this.ended = new Promise((resolve) => {
      this.settle = resolve;
    });
    this.worker = new Worker(`${scripts}cells.js`, { name: 'cells' });
    this.worker.onmessage = ({ data }: MessageEvent<FromCells>) => this.receive(data);
    this.worker.onerror = (event) => {
      event.preventDefault();
      this.end({
        ename: 'Crash',
        evalue: `The worker of the cells could not start or has failed: ${event.message}`,
      });
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

  send(message: ToChild): void {
    if (message.type === 'interrupt') this.interrupt();
    else this.worker.postMessage(message);
  }

  kill(): void {
    clearTimeout(this.timer);
    this.channel?.close();
    this.worker.terminate();
    this.settle();
  }

  /** By memory or question, for a worker that is busy, and by a message, for one that waits. */
  private interrupt(): void {
    if (this.signals) Atomics.store(this.signals, 0, 1);
    this.asked = true;
    this.timer ??= setTimeout(() => this.end(INTERRUPTED), PATIENCE_MS);
    this.worker.postMessage({ type: 'interrupt' });
  }

  private receive(message: FromCells): void {
    if (message.type === 'done' || message.type === 'handled') {
      clearTimeout(this.timer);
      this.timer = undefined;
      this.asked = false;
    }
    this.events.message(message);
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

  private end(ending: Ending): void {
    this.kill();
    this.events.ended(ending);
  }
}
