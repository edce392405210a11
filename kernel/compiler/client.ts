import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Session } from './session';

type Method = 'compile' | 'commit' | 'reset' | 'complete' | 'inspect' | 'completeness';

export interface Request {
  id: number;
  method: Method;
  parameters: unknown[];
}

export type Answer = { id: number; value: unknown } | { id: number; error: string };

type Waiting = { resolve(value: unknown): void; reject(error: Error): void };

/**
 * The TypeScript session in a worker thread, so that the sockets answer while it starts or checks.
 * Calls are answered in the order they are made.
 */
export class Compiler {
  private readonly worker: Worker;
  private readonly waiting = new Map<number, Waiting>();
  private count = 0;

  constructor() {
    this.worker = new Worker(join(__dirname, '..', 'bin', 'boot.cjs'), {
      workerData: { entry: join(__dirname, 'service') },
    });
    this.worker.on('message', (answer: Answer) => this.settle(answer));
  }

  call<M extends Method>(
    method: M,
    ...parameters: Parameters<Session[M]>
  ): Promise<ReturnType<Session[M]>> {
    const id = this.count++;
    this.worker.postMessage({ id, method, parameters } satisfies Request);
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve: resolve as Waiting['resolve'], reject });
    });
  }

  private settle(answer: Answer): void {
    const waiting = this.waiting.get(answer.id);
    this.waiting.delete(answer.id);
    if ('error' in answer) waiting?.reject(new Error(answer.error));
    else waiting?.resolve(answer.value);
  }
}
