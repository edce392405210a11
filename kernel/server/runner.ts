import type { Done, FromChild, RunCell, Stream } from '../child/messages';
import { Child, type Ending } from './child';

/** How a cell ended: by itself, or with its process. */
export type Outcome = Done | { type: 'lost'; ending: Ending; exitCode: number | undefined };

export interface RunnerEvents {
  /** Something a cell put out or asks for; `done` and `exiting` stay inside. */
  message(message: Exclude<FromChild, Done>): void;
  output(name: Stream, text: string): void;
  /** The process ended, with all variables, and a fresh one takes its place. */
  replaced(ending: Ending, exitCode: number | undefined): void;
}

/** An interrupt that has not ended the cell by then is sent again. */
const INTERRUPT_AGAIN_MS = 500;

/** Runs cells, one at a time, in a child process that is replaced when it dies. */
export class Runner {
  private child: Child;
  private running: { id: number; settle(outcome: Outcome): void } | undefined;
  private exitCode: number | undefined;
  private stopped = false;

  constructor(private readonly events: RunnerEvents) {
    this.child = this.spawn();
  }

  run(cell: RunCell): Promise<Outcome> {
    this.child.send({ type: 'run', ...cell });
    return new Promise((resolve) => {
      this.running = { id: cell.id, settle: resolve };
    });
  }

  /** Ends the running cell and whatever it has started. */
  interrupt(): void {
    const interrupted = this.running;
    if (!interrupted) return;
    this.child.send({ type: 'interrupt' });
    setTimeout(() => {
      if (this.running === interrupted) this.interrupt();
    }, INTERRUPT_AGAIN_MS);
  }

  answerInput(text: string): void {
    this.child.send({ type: 'input', text });
  }

  stop(): void {
    this.stopped = true;
    this.child.kill();
  }

  private spawn(): Child {
    return new Child({
      message: (message) => this.receive(message),
      output: (name, text) => this.events.output(name, text),
      ended: (ending) => this.replace(ending),
    });
  }

  private receive(message: FromChild): void {
    if (message.type === 'exiting') this.exitCode = message.code;
    if (message.type !== 'done') this.events.message(message);
    else if (message.cell === this.running?.id) this.settle(message);
  }

  private replace(ending: Ending): void {
    if (this.stopped) return;
    const { exitCode } = this;
    this.exitCode = undefined;
    this.child = this.spawn();
    this.events.replaced(ending, exitCode);
    this.settle({ type: 'lost', ending, exitCode });
  }

  private settle(outcome: Outcome): void {
    const running = this.running;
    this.running = undefined;
    running?.settle(outcome);
  }
}
