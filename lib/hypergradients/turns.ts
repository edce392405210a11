import { InputError } from '../errors';

/** How long work may give no sign of life before it counts as cut short, in milliseconds. */
const PATIENCE = 1000;

/** One piece of work that has something to itself. */
export class Turn {
  /** Grows with every sign of life. */
  signs = 0;
  overtaken = false;
  readonly ended: Promise<void>;
  /** Settles `ended`. */
  end!: () => void;

  constructor() {
    this.ended = new Promise((resolve) => {
      this.end = resolve;
    });
  }

  /**
   * Notes that the work goes on; to be called after everything that was awaited.
   *
   * @throws InputError where other work has taken over meanwhile.
   */
  readonly goOn = (): void => {
    this.signs++;
    if (!this.overtaken) return;
    throw new InputError({
      given: `a step that gave no sign of life for ${PATIENCE / 1000} s while the run was used again`,
      expected: 'one use of a run at a time where a step takes long',
      remedy:
        'The step was undone, and the later use went on in its place: await one, then the other.',
    });
  };
}

/**
 * Lets work be done one piece after the other, in the order in which it was asked for.
 *
 * Work that an interrupt has cut short never ends, and cannot report it. It is recognised by its silence: where
 * it gives no sign of life for a second, whatever waits takes over. Should it go on after all, `goOn`
 * throws there, so that nothing is done twice.
 */
export class Turns {
  #current: Turn | undefined;

  get busy(): boolean {
    return this.#current !== undefined;
  }

  async take<T>(work: (turn: Turn) => Promise<T>): Promise<T> {
    // Between the last look and the next line nothing may be waited for.
    while (this.#current !== undefined) await this.#endOf(this.#current);
    const turn = new Turn();
    this.#current = turn;
    try {
      return await work(turn);
    } finally {
      if (this.#current === turn) this.#current = undefined;
      turn.end();
    }
  }

  /** Resolves where nothing is under way. */
  async idle(): Promise<void> {
    while (this.#current !== undefined) await this.#endOf(this.#current);
  }

  async #endOf(turn: Turn): Promise<void> {
    const { signs } = turn;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const silence = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, PATIENCE);
    });
    await Promise.race([turn.ended, silence]);
    clearTimeout(timer);
    if (this.#current !== turn || turn.signs !== signs) return;
    turn.overtaken = true;
    this.#current = undefined;
  }
}
