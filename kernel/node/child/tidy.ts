import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** In bytes. */
const GROWN = 16e6;

/** By then the cell is answered. */
const ANSWERED_MS = 20;

let known = 0;
let collect: ((options?: { type: 'major'; flavor: 'last-resort' }) => void) | undefined;

/**
 * What loading a large package leaves behind is given back once its cell is answered. The engine would
 * keep it for long: a third of what the process takes with TensorFlow.js.
 */
export function tidyLater(): void {
  setTimeout(tidy, ANSWERED_MS).unref();
}

function tidy(): void {
  if (getHeapStatistics().total_heap_size < known + GROWN) return;
  try {
    collect ??= collector();
    collect();
    // The first finds what is not used, the second hands the memory back.
    collect({ type: 'major', flavor: 'last-resort' });
  } catch {
    // An engine without it tidies up by itself, later.
  }
  known = getHeapStatistics().total_heap_size;
}

function collector(): NonNullable<typeof collect> {
  setFlagsFromString('--expose-gc');
  const found = runInNewContext('gc');
  setFlagsFromString('--no-expose-gc');
  return found;
}
