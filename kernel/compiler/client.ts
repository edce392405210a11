import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Committed, Session } from './session';

type Method = 'compile' | 'commit' | 'reset' | 'restore' | 'complete' | 'inspect' | 'completeness';

export interface Request {
  id: number;
  method: Method;
  parameters: unknown[];
}

export type Answer = { id: number; value: unknown } | { id: number; error: string };

type Waiting = { request: Request; resolve(value: unknown): void; reject(error: Error): void };

/** A check that is over by then is let finish: a new session takes a second or two to start. */
const PATIENCE_MS = 500;

/** What `compile` rejects with when an interrupt has ended it. */
export class CompilationInterrupted extends Error {
  override readonly name = 'CompilationInterrupted';
}

/**
 * The TypeScript session in a worker thread, so that the sockets answer while it starts or checks.
 * Calls are answered in the order they are made.
 */
export class Compiler {
  private worker = this.start();
  private readonly waiting = new Map<number, Waiting>();
  private count = 0;
  /** What the session has come to know, for the one that replaces it. */
  private committed: Committed[] = [];

  call<M extends Method>(
    method: M,
    ...parameters: Parameters<Session[M]>
  ): Promise<ReturnType<Session[M]>> {
    const id = this.count++;
    const request: Request = { id, method, parameters };
    this.worker.postMessage(request);
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { request, resolve: resolve as Waiting['resolve'], reject });
    });
  }

  /** Ends the compilation that is going on, unless it soon ends itself. What was committed stays. */
  interrupt(): void {
    const [asked] = this.waiting.values();
    if (asked?.request.method !== 'compile') return;
    setTimeout(() => {
      if (this.waiting.has(asked.request.id)) this.replace(asked);
    }, PATIENCE_MS);
  }

  private replace(interrupted: Waiting): void {
    this.waiting.delete(interrupted.request.id);
    const rest = [...this.waiting.values()];
    this.worker.removeAllListeners('message');
    void this.worker.terminate();
    this.worker = this.start();
    void this.call('restore', this.committed);
    for (const { request } of rest) this.worker.postMessage(request);
    interrupted.reject(new CompilationInterrupted('the cell was interrupted before it ran'));
  }

  private start(): Worker {
    const worker = new Worker(join(__dirname, '..', 'bin', 'boot.cjs'), {
      workerData: { entry: join(__dirname, 'service'), plain: ['typescript'] },
      // Parsing makes much that lives long: with more room it is moved less often.
      resourceLimits: { maxYoungGenerationSizeMb: 64 },
    });
    worker.on('message', (answer: Answer) => this.settle(answer));
    return worker;
  }

  private settle(answer: Answer): void {
    const waiting = this.waiting.get(answer.id);
    this.waiting.delete(answer.id);
    if ('error' in answer) waiting?.reject(new Error(answer.error));
    else {
      const method = waiting?.request.method;
      if (method === 'commit' && answer.value) this.committed.push(answer.value as Committed);
      if (method === 'reset') this.committed = [];
      waiting?.resolve(answer.value);
    }
  }
}
