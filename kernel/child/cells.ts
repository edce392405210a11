import type { Progress } from './boxes';
import { endCell } from './cell-end';
import { receiveComm } from './comm';
import { type Cell, newCell, setLatest, within } from './context';
import { bundleOf } from './display';
import { failureOf, INTERRUPTED } from './failure';
import { send } from './host';
import { forgetQuestions } from './input';
import { afterRunning, GRACE_MS, KeyboardInterrupt } from './interruption';
import type { CommMessage, Failure, RunCell } from './messages';
import { interruptRedirected } from './redirect';
import { settings } from './settings';
import { closeTensorScopes } from './tfjs';

/** What the place where cells run does for them. */
export interface Workplace {
  /** Runs the code of a cell, and before it what has to come first, such as its modules. */
  run(request: RunCell, progress: Progress): Promise<void>;
  /** Calls `next` once the microtasks of this turn are done. */
  afterTurn(next: () => void): void;
  /** Ends what an interrupted cell has left here, such as threads. */
  abandon(cell: Cell): void;
  readonly interrupts: Interrupts;
}

/** How a cell that is busy learns of an interrupt. */
export interface Interrupts {
  /** A cell begins: no interrupt is asked for, and it has not worked with tensors. */
  begin(cell: number): void;
  /** No cell runs; an interrupt that was not heard is over. */
  end(): void;
  /** Whether the running cell works with tensors, so that its next operation can throw. */
  canThrow(): boolean;
  /** Makes that operation throw a `KeyboardInterrupt`. */
  tell(): void;
  /** An interrupt that was not heard is over. */
  forget(): void;
}

/** The course of cells, one after the other: each is answered once, however it ends. */
export class Cells {
  private running: { cell: Cell; made: string[]; warned: boolean } | undefined;
  /** The message to a comm that is being handled. */
  private handling: number | undefined;

  constructor(private readonly place: Workplace) {}

  /** The cell that runs. */
  get current(): Cell | undefined {
    return this.running?.cell;
  }

  start(request: RunCell): void {
    const { id, allowInput, semicolon } = request;
    const cell = newCell(id, allowInput);
    const made: string[] = [];
    this.running = { cell, made, warned: false };
    this.place.interrupts.begin(id);
    setLatest(cell);
    let value: unknown;
    const progress = {
      made: (...names: string[]) => void made.push(...names),
      result: (last: unknown) => {
        value = last;
      },
    };
    const course = within(cell, async () => {
      await this.place.run(request, progress);
      const hidden = semicolon.there && (settings.silentSemicolon ?? semicolon.hides);
      return value === undefined || hidden ? undefined : await bundleOf(value);
    });
    course.then(
      (result) => this.finish(cell, () => send({ type: 'done', cell: id, ok: true, result })),
      (error) => {
        if (KeyboardInterrupt.is(error)) this.endInterrupted(cell);
        else this.finish(cell, () => fail(id, failureOf(error), made));
      },
    );
  }

  /** Ends the running cell: by an exception where it works with tensors, else at once. */
  interrupt(): void {
    const { running, place } = this;
    // Where a handler was terminated, its own `finally` was skipped.
    this.handled();
    if (interruptRedirected()) closeTensorScopes();
    if (running && !running.warned && place.interrupts.canThrow()) {
      running.warned = true;
      place.interrupts.tell();
      afterRunning(GRACE_MS, () => this.endInterrupted(running.cell));
    } else {
      place.interrupts.forget();
      if (running) this.endInterrupted(running.cell);
    }
  }

  /** Handles what the front end has sent to a comm, as a part of no cell. */
  handleComm(id: number, message: CommMessage): void {
    this.handling = id;
    try {
      within(newCell(id), () => receiveComm(message));
    } catch (error) {
      if (!KeyboardInterrupt.is(error)) throw error;
      interruptRedirected();
      closeTensorScopes();
    } finally {
      this.handled();
    }
  }

  private handled(): void {
    if (this.handling !== undefined) send({ type: 'handled', cell: this.handling });
    this.handling = undefined;
  }

  /** An interrupted cell has been answered already, whatever comes of it later. */
  private finish(cell: Cell, answer: () => void): void {
    const made = this.end(cell);
    if (!made) return;
    // Rejections that the cell left are reported once its microtasks are done.
    this.place.afterTurn(() => {
      try {
        answer();
      } catch (error) {
        fail(cell.id, failureOf(error), made);
      }
    });
  }

  private endInterrupted(cell: Cell): void {
    const made = this.end(cell);
    if (!made) return;
    cell.interrupted = true;
    this.place.abandon(cell);
    forgetQuestions();
    closeTensorScopes();
    fail(cell.id, INTERRUPTED, made);
  }

  /** @returns the names that it has made, unless it has ended before. */
  private end(cell: Cell): string[] | undefined {
    const { running } = this;
    if (running?.cell !== cell) return undefined;
    this.running = undefined;
    this.place.interrupts.end();
    endCell(cell);
    return running.made;
  }
}

function fail(cell: number, failure: Failure, made: string[]): void {
  send({ type: 'done', cell, ok: false, failure, made });
}
