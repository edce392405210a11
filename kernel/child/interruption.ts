/**
 * What an interrupt throws where the running cell works with tensors, as Python throws it anywhere:
 * libraries then free what they hold, and a tape or a training that is cut short is closed.
 */
export class KeyboardInterrupt extends Error {
  override readonly name = 'KeyboardInterrupt';
  readonly #mark = true;

  constructor() {
    super('the cell was interrupted');
  }

  /** Unlike `instanceof`, this does not query a proxy, which could throw. */
  static is(value: unknown): value is KeyboardInterrupt {
    return typeof value === 'object' && value !== null && #mark in value;
  }
}

/** How long a cell may take to end after that before it is terminated. */
export const GRACE_MS = 300;

/** The time that a cell is given is counted in turns of so many milliseconds. */
export const TURN_MS = 100;

/**
 * Calls `then` after `ms` in which this thread ran: a turn counts once however late it comes, so that
 * a process that stands still for a while, on a machine that does much else, loses nothing by it.
 */
export function afterRunning(ms: number, then: () => void): void {
  setTimeout(
    () => {
      if (ms > TURN_MS) afterRunning(ms - TURN_MS, then);
      else then();
    },
    Math.min(ms, TURN_MS),
  );
}

/** Slots of the memory that the main thread of a child shares with its watchdog. */
export const Slot = {
  /** Counts the interrupts that the main thread has answered. */
  answered: 0,
  /** 1 from an interrupt on, until it was thrown or has ended the cell. */
  asked: 1,
  /** 1 when the running cell has worked with tensors. */
  tensors: 2,
  /** The number of the running cell, or 0. */
  running: 3,
  /** 1 while the main thread waits for an answer of the reader. */
  asking: 4,
} as const;
