import type ts from 'typescript';

type Timer = { run(): void };

/**
 * The timers by which the compiler puts off its work, as one timer of `system`: tslab's converter
 * runs what is due itself, and takes a second timer for an error. But there are two kinds, one for
 * edited sources and one for an edited `package.json`.
 *
 * An error of the compiler leaves no timer behind.
 */
export function oneTimer(
  system: ts.System,
): Required<Pick<ts.System, 'setTimeout' | 'clearTimeout'>> {
  const due = new Set<Timer>();
  let timer: unknown;
  let running = false;

  const stop = (): void => {
    if (timer !== undefined) system.clearTimeout?.(timer);
    timer = undefined;
  };
  /** What is due, and what becomes due on the way. */
  const runAll = (): void => {
    running = true;
    try {
      for (const next of due) {
        due.delete(next);
        next.run();
      }
      timer = undefined;
    } catch (error) {
      due.clear();
      stop();
      throw error;
    } finally {
      running = false;
    }
  };

  return {
    setTimeout(callback, _milliseconds, ...parameters) {
      const added: Timer = { run: () => callback(...parameters) };
      due.add(added);
      timer ??= system.setTimeout?.(runAll, 0);
      return added;
    },
    clearTimeout(added: Timer) {
      due.delete(added);
      if (due.size === 0 && !running) stop();
    },
  };
}
