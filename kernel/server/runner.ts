import type {
  CommMessage,
  Done,
  FromChild,
  FromInspector,
  RunCell,
  Stream,
} from '../child/messages';
import type { Child, ChildEvents, Ending } from './home';

/** How a cell ended: by itself, or with its process. */
export type Outcome = Done | { type: 'lost'; ending: Ending };

/** Output or a request of a cell. */
export type FromCell = Exclude<
  FromChild,
  Done | { type: 'ready' } | { type: 'handled' } | { type: 'exiting' }
>;

export interface RunnerEvents {
  message(message: FromCell): void;
  output(name: Stream, text: string): void;
  /** The events of the inspector of the process. */
  inspector(method: string, params: object): void;
  /** The process ended, with all variables, and a fresh one takes its place. */
  replaced(ending: Ending): void;
}

/** An interrupt that has not ended the cell by then is sent again. */
const INTERRUPT_AGAIN_MS = 500;

/** How long an idle process may take to end by itself. */
const GOODBYE_MS = 2000;

/** Runs cells, one at a time, in a child process that is replaced when it dies. */
export class Runner {
  private child: Child | undefined;
  private running: { id: number; settle(outcome: Outcome): void } | undefined;
  private readonly handling = new Map<number, () => void>();
  private readonly inspecting = new Map<number, (answer: FromInspector) => void>();
  private commands = 0;
  private ready = false;
  private stopped = false;

  constructor(
    private readonly startChild: (events: ChildEvents) => Child,
    private readonly events: RunnerEvents,
  ) {
    this.child = this.spawn();
  }

  run(cell: RunCell): Promise<Outcome> {
    this.child ??= this.spawn();
    this.child.send({ type: 'run', ...cell });
    return new Promise((resolve) => {
      this.running = { id: cell.id, settle: resolve };
    });
  }

  /** Ends the running cell and whatever it has started, and what a message to a comm has started. */
  interrupt(): void {
    this.child?.send({ type: 'interrupt' });
    const interrupted = this.running;
    if (!interrupted) return;
    setTimeout(() => {
      if (this.running === interrupted) this.interrupt();
    }, INTERRUPT_AGAIN_MS);
  }

  /** Hands a front end's message to the comms of the cells; resolves once they have heard it. */
  sendComm(id: number, message: CommMessage): Promise<void> {
    if (!this.child) return Promise.resolve();
    this.child.send({ type: 'comm', id, message });
    return new Promise((resolve) => this.handling.set(id, resolve));
  }

  /** Sends a command to the inspector of the process. */
  async inspect<T>(method: string, params?: object): Promise<T> {
    this.child ??= this.spawn();
    const id = ++this.commands;
    this.child.send({ type: 'debug', id, method, params });
    const answer = await new Promise<FromInspector>((resolve) => {
      this.inspecting.set(id, resolve);
    });
    if ('error' in answer) throw new Error(answer.error);
    return ('result' in answer ? answer.result : {}) as T;
  }

  private receiveInspector(message: FromInspector): void {
    if ('id' in message) {
      this.inspecting.get(message.id)?.(message);
      this.inspecting.delete(message.id);
    } else {
      this.events.inspector(message.method, message.params);
    }
  }

  answerInput(text: string): void {
    this.child?.send({ type: 'input', text });
  }

  /** Ends the process: by itself if it is idle, so that `process.on('exit')` is heard, or at once. */
  async stop(): Promise<void> {
    this.stopped = true;
    const { child } = this;
    if (!child) return;
    if (!this.running && this.ready) {
      child.send({ type: 'exit' });
      const late = new Promise((resolve) => setTimeout(resolve, GOODBYE_MS));
      await Promise.race([child.ended, late]);
    }
    child.kill();
  }

  private spawn(): Child {
    return this.startChild({
      message: (message) => this.receive(message),
      output: (name, text) => this.events.output(name, text),
      inspector: (message) => this.receiveInspector(message),
      ended: (ending) => this.replace(ending),
    });
  }

  private receive(message: FromChild): void {
    switch (message.type) {
      case 'ready':
        this.ready = true;
        break;
      case 'handled':
        this.handled(message.cell);
        break;
      case 'exiting':
        break;
      case 'done':
        if (message.cell === this.running?.id) this.settle(message);
        break;
      default:
        this.events.message(message);
    }
  }

  private replace(ending: Ending): void {
    if (this.stopped) return;
    // A process that cannot even start would be replaced without end: wait until it is needed.
    this.child = this.ready ? this.spawn() : undefined;
    this.ready = false;
    for (const [id, answer] of this.inspecting) answer({ id, error: 'The process has ended.' });
    this.inspecting.clear();
    this.events.replaced(ending);
    for (const id of this.handling.keys()) this.handled(id);
    this.settle({ type: 'lost', ending });
  }

  private handled(id: number): void {
    this.handling.get(id)?.();
    this.handling.delete(id);
  }

  private settle(outcome: Outcome): void {
    const running = this.running;
    this.running = undefined;
    running?.settle(outcome);
  }
}
