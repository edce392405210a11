import type { Committed } from './kept-cells';
import type { Session } from './session';

type Method = 'compile' | 'commit' | 'reset' | 'restore' | 'complete' | 'inspect' | 'completeness';

export interface Request {
  id: number;
  method: Method;
  parameters: unknown[];
}

/** The thread or worker of a session. It answers requests one after the other, as they come. */
export interface CompilerWorker {
  post(request: Request): void;
  /** To be called once, before the first request. */
  onAnswer(hear: (answer: Answer) => void): void;
  /** Where it may end by itself: to be called once, before the first request. */
  onEnd?(hear: () => void): void;
  /** Ends it at once; nothing is heard of it afterwards. */
  end(): void;
}

export type Answer = { id: number; value: unknown } | { id: number; error: string };

type Waiting = { request: Request; resolve(value: unknown): void; reject(error: Error): void };

/** A check that is over by then is let finish: a new session takes a second or two to start. */
const PATIENCE_MS = 500;

/** What `compile` rejects with when an interrupt has ended it. */
export class CompilationInterrupted extends Error {
  override readonly name = 'CompilationInterrupted';
}

/** When a compiler that is asked nothing gives its memory back. */
export interface Rest {
  /** So long after the last answer. */
  afterMs(): number;
  /** This one is asked: those that it takes turns with may rest at once. */
  take(): void;
  /** To be called once: `hear` is told that another one has taken its turn. */
  onTaken(hear: () => void): void;
}

/**
 * The TypeScript session in a worker, so that the kernel answers while it starts or checks.
 * Calls are answered in the order they are made.
 */
export class Compiler {
  /** Nothing while it rests. */
  private worker: CompilerWorker | undefined;
  private readonly waiting = new Map<number, Waiting>();
  private count = 0;
  /** What a worker was at when it ended. */
  private lost: Waiting | undefined;
  /** What the session has come to know, for the one that replaces it. */
  private committed: Committed[] = [];
  /** Whether a cell runs that is not committed yet: another session would know nothing of it. */
  private isOpen = false;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private isOthersTurn = false;

  /**
   * @param rest when the worker is ended, with the memory that it has; the next question starts one
   *   that knows what the other knew
   */
  constructor(
    private readonly startWorker: () => CompilerWorker,
    private readonly rest?: Rest,
  ) {
    this.worker = this.start();
    rest?.onTaken(() => {
      this.isOthersTurn = true;
      this.restLater();
    });
    rest?.take();
  }

  call<M extends Method>(
    method: M,
    ...parameters: Parameters<Session[M]>
  ): Promise<ReturnType<Session[M]>> {
    const id = this.count++;
    const request: Request = { id, method, parameters };
    // The end of a cell asks nothing.
    if (method !== 'commit') {
      this.isOthersTurn = false;
      this.rest?.take();
    }
    this.awake().post(request);
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
    this.worker?.end();
    this.worker = undefined;
    const worker = this.awake();
    for (const { request } of rest) worker.post(request);
    interrupted.reject(new CompilationInterrupted('the cell was interrupted before it ran'));
  }

  /** Ends the session for good. */
  stop(): void {
    clearTimeout(this.timer);
    this.worker?.end();
  }

  /** The worker; if there is none, a new one with the known state. */
  private awake(): CompilerWorker {
    clearTimeout(this.timer);
    if (this.worker) return this.worker;
    this.worker = this.start();
    if (this.committed.length > 0) void this.call('restore', this.committed);
    return this.worker;
  }

  private restLater(): void {
    clearTimeout(this.timer);
    if (this.rest === undefined || this.waiting.size > 0 || this.isOpen) return;
    const ms = this.isOthersTurn ? 0 : this.rest.afterMs();
    this.timer = setTimeout(() => {
      this.worker?.end();
      this.worker = undefined;
    }, ms);
  }

  /** After the end of a worker: another one takes over, and tries once more what it was at. */
  private recover(): void {
    const rest = [...this.waiting.values()];
    this.worker = undefined;
    const worker = this.awake();
    const [first] = rest;
    if (first && first === this.lost) {
      rest.shift();
      this.waiting.delete(first.request.id);
      first.reject(new Error('the compiler ended twice at this: it may need too much memory'));
    }
    this.lost = first;
    for (const { request } of rest) worker.post(request);
  }

  private start(): CompilerWorker {
    const worker = this.startWorker();
    worker.onAnswer((answer) => this.settle(answer));
    worker.onEnd?.(() => this.recover());
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
      if (method === 'compile') this.isOpen = (answer.value as { ok: boolean }).ok;
      if (method === 'commit' || method === 'reset') this.isOpen = false;
      waiting?.resolve(answer.value);
    }
    this.restLater();
  }
}
