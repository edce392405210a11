import type { ToChild } from '../../child/messages';
import type { Child, ChildEvents, Ending } from '../../server';
import type { FromCells } from '../messages';
import type { CellsAt, Places } from './cells-at';
import { workerApart } from './worker-apart';
import { WorkerHere } from './worker-here';

/** A worker that has not ended its cell this long after an interrupt is ended itself. */
const PATIENCE_MS = 2000;

const INTERRUPTED: Ending = {
  ename: 'KeyboardInterrupt',
  evalue:
    'The cell was stuck in one call and had to be ended with its worker. All variables are lost; the next cell starts in a fresh worker.',
};

const DIED: Ending = {
  ename: 'OutOfMemory',
  evalue:
    'The process of the cells has ended, most likely because a cell needed more memory than the browser gives it. All variables are lost; the next cell starts in a fresh process.',
};

/** The worker in which cells run, seen from the kernel. */
export class CellsWorker implements Child {
  readonly ended: Promise<void>;
  /** Messages go the way they come, also before it is there. */
  private readonly worker: Promise<CellsAt>;
  private settle: () => void = () => {};
  private isOver = false;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    places: Places,
    private readonly events: ChildEvents,
  ) {
    this.ended = new Promise((resolve) => {
      this.settle = resolve;
    });
    const hearing = {
      message: (message: FromCells) => this.receive(message),
      failed: (reason: string) =>
        this.end({
          ename: 'Crash',
          evalue: `The worker of the cells could not start or has failed: ${reason}`,
        }),
      died: () => this.end(DIED),
    };
    this.worker = workerApart(places, hearing)
      .catch(() => undefined)
      .then((apart) => apart ?? new WorkerHere(places, hearing));
  }

  send(message: ToChild): void {
    if (message.type === 'interrupt') this.interrupt();
    else void this.worker.then((worker) => worker.post(message));
  }

  kill(): void {
    this.isOver = true;
    clearTimeout(this.timer);
    void this.worker.then((worker) => worker.end());
    this.settle();
  }

  /** By a signal, for a worker that is busy, and by a message, for one that waits. */
  private interrupt(): void {
    this.timer ??= setTimeout(() => this.end(INTERRUPTED), PATIENCE_MS);
    void this.worker.then((worker) => {
      worker.signal();
      worker.post({ type: 'interrupt' });
    });
  }

  private receive(message: FromCells): void {
    if (this.isOver) return;
    if (message.type === 'done' || message.type === 'handled') {
      clearTimeout(this.timer);
      this.timer = undefined;
    }
    this.events.message(message);
  }

  private end(ending: Ending): void {
    if (this.isOver) return;
    this.kill();
    this.events.ended(ending);
  }
}
