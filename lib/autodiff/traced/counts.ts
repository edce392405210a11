import { inPortions, type Pausing } from '../../event-loop';

/** How often what happened. */
export interface TracedCounts {
  /** Evaluations that a program was known for. */
  hits: number;
  /** Evaluations that were traced. */
  traced: number;
  /** Evaluations that run operation by operation, since something in them has no loop. */
  refused: number;
  /** How long it took to make programs of traces, in milliseconds. */
  milliseconds: number;
  /** Bytes that programs have read and written: the operands and results of all their steps. */
  bytes: number;
}

export const counts: TracedCounts = { hits: 0, traced: 0, refused: 0, milliseconds: 0, bytes: 0 };

/** Counts a number of runs of half a program, in one call. */
export function ran({ bytes }: { bytes: number }, times = 1): void {
  counts.bytes += times * bytes;
}

/** Runs what makes programs, and adds up how long it takes. */
export function making<T>(f: () => T): T {
  const start = performance.now();
  try {
    return f();
  } finally {
    counts.milliseconds += performance.now() - start;
  }
}

/** The same of work that can be left in between. */
export const makingInPieces = <T>(work: Pausing<T>): Pausing<T> => inPortions(work, making);
