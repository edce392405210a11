import type { Sink } from './sink';

/** A cell that runs, or ran and left something running. */
export interface Cell {
  id: number;
  interrupted: boolean;
  allowInput: boolean;
  /** Characters it has printed. */
  printed: number;
  /** Where what it shows and prints goes, if not to the front end. */
  sink?: Sink;
}

export function newCell(id: number, allowInput = false): Cell {
  return { id, allowInput, interrupted: false, printed: 0 };
}

let latest: Cell = newCell(0);
let current: Cell | undefined;

/** The cell whose code is running; where that is not known, the one that was started last. */
export function currentCell(): Cell {
  return current ?? latest;
}

/** The cell whose code is running, where that is known. */
export function knownCell(): Cell | undefined {
  return current;
}

/** What runs from now on is part of `cell`. For those who follow cells through what they start. */
export function enter(cell: Cell | undefined): void {
  current = cell;
}

/** Makes `cell` the one to which everything is attributed whose cell is unknown. */
export function setLatest(cell: Cell): void {
  latest = cell;
}

let blamed: { error: unknown; cell: Cell } | undefined;

/** The cell from which `error` was thrown last, if it was the last of all that were. */
export function blamedFor(error: unknown): Cell | undefined {
  return blamed && blamed.error === error ? blamed.cell : undefined;
}

/** Runs something as part of `cell`. */
export function within<T>(cell: Cell, run: () => T): T {
  const before = current;
  current = cell;
  try {
    return run();
  } catch (error) {
    blamed = { error, cell };
    throw error;
  } finally {
    current = before;
  }
}
