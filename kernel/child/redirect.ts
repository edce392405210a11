import { type Cell, currentCell, within } from './context';
import type { Sink } from './sink';

/** The functions that have not settled yet. */
const active = new Set<Cell>();

/**
 * Calls `run`; what it and all that it starts show and print goes to `sink`.
 *
 * For a part of a notebook that is drawn again later, when the front end has sent something: what
 * is put out then would belong to no cell.
 */
export function redirect<T>(sink: Sink, run: () => T): T {
  const part: Cell = Object.assign(Object.create(currentCell()), { sink });
  const done = () => void active.delete(part);
  active.add(part);
  try {
    const result = within(part, run);
    if (result instanceof Promise) result.then(done, done);
    else done();
    return result;
  } catch (error) {
    done();
    throw error;
  }
}

/** The sink of what is running, if it is redirected. */
export function currentSink(): Sink | undefined {
  return currentCell().sink;
}

/** Ends what is redirected and has not settled. Returns whether there was anything. */
export function interruptRedirected(): boolean {
  const parts = [...active];
  active.clear();
  for (const part of parts) {
    part.interrupted = true;
    part.sink!.interrupted();
  }
  return parts.length > 0;
}
