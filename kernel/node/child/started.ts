import { ChildProcess } from 'node:child_process';
import workers from 'node:worker_threads';
import { type Cell, currentCell } from '../../child/context';

/** The main thread's message to its watchdog: cell `cell` has started process `pid`. */
export interface Spawned {
  type: 'spawned';
  pid: number;
  cell: number;
}

type Spawn = (this: ChildProcess, ...parameters: unknown[]) => unknown;

/** Calls `spawned` for each process that is started, except by calls that wait for its end. */
export function followProcesses(spawned: (message: Spawned) => void): void {
  const prototype = ChildProcess.prototype as ChildProcess & { spawn: Spawn };
  const { spawn } = prototype;
  prototype.spawn = function (...parameters) {
    const result = spawn.apply(this, parameters);
    if (this.pid !== undefined) spawned({ type: 'spawned', pid: this.pid, cell: currentCell().id });
    return result;
  };
}

const threads = new Map<workers.Worker, Cell>();

/**
 * From now on it is known which cell has made which thread. Those of libraries are left alone: they
 * serve later cells as well.
 */
export function followThreads(isCell: (frame: string) => boolean): void {
  const { Worker } = workers;
  class CellsWorker extends Worker {
    constructor(...parameters: ConstructorParameters<typeof Worker>) {
      super(...parameters);
      const [, , caller = ''] = new Error().stack?.split('\n') ?? [];
      if (!isCell(caller)) return;
      threads.set(this, currentCell());
      this.once('exit', () => threads.delete(this));
    }
  }
  Object.defineProperty(CellsWorker, 'name', { value: 'Worker' });
  workers.Worker = CellsWorker;
}

/** Ends the threads that `cell` has made. */
export function endThreads(cell: Cell): void {
  for (const [thread, maker] of threads) if (maker === cell) void thread.terminate();
}
