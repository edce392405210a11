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

/** So long after its cell, a process is taken to be at rest. */
const REST_MS = 5000;

let rest: ReturnType<typeof setTimeout> | undefined;

/** Where many share a machine, what a cell leaves behind is given back if no other follows. */
export function tidyAtRest(): void {
  if (process.env.IMPLICIT_KERNEL_REST_SECONDS === undefined) return;
  clearTimeout(rest);
  rest = setTimeout(() => {
    tidy();
    endTransformer();
  }, REST_MS).unref();
}

/** The program that strips types of imported files goes on running; it starts again when it is needed. */
function endTransformer(): void {
  for (const [file, loaded] of Object.entries(require.cache)) {
    if (/[\\/]esbuild[\\/]lib[\\/]main\.js$/.test(file)) void loaded?.exports.stop?.();
  }
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
