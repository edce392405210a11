const events = ['uncaughtException', 'unhandledRejection'] as const;

type Listener = (...args: unknown[]) => void;

const listeners = (event: string) =>
  (process as NodeJS.EventEmitter).listeners(event) as Listener[];

/** Emscripten's handlers only rethrow their argument. */
const rethrows = (listener: Listener) =>
  /^function\s*\((\w+)\)\s*\{\s*(if\s*\(!\(\1 instanceof ExitStatus\)\)\s*\{\s*)?throw \1;?\s*\}?\s*\}$/.test(
    String(listener),
  );

/**
 * Runs a piece of Emscripten's life and leaves the process's error handlers as they were.
 *
 * Loading an Emscripten module installs handlers that rethrow every unhandled rejection, which
 * kills a Jupyter kernel; disposing of one removes everybody's handlers (its own list of "added"
 * ones is computed with `!index > -1`, which always holds). What others add meanwhile stays.
 */
export async function keepingListeners<T>(work: () => Promise<T>): Promise<T> {
  const before = events.map(listeners);
  try {
    return await work();
  } finally {
    events.forEach((event, i) => {
      for (const listener of listeners(event)) {
        if (!before[i]!.includes(listener) && rethrows(listener)) process.off(event, listener);
      }
      const present = listeners(event);
      for (const listener of before[i]!) {
        if (!present.includes(listener)) process.on(event, listener);
      }
    });
  }
}
