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
