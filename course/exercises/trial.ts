import { describe } from './describe';
import type { Probe, Task } from './exercise';
import { type Part, partsOf } from './reading';
import { Snapshot } from './snapshot';
import { isCalled, passInterrupt } from './thrown';

/** How one run of a function on a probe ended. */
export type Trial =
  | ({ outcome: 'returned'; value: unknown; parts: Part[] } & Arguments)
  | ({ outcome: 'threw'; error: unknown } & Arguments)
  | { outcome: 'to-do' }
  | { outcome: 'late' };

/** What a function was given; numbers that it changed are as they were. */
interface Arguments {
  args: unknown[];
  /** The first argument in which it changed a number. */
  changed: number | undefined;
}

/** What is there instead of a result that did not come in time. */
export const LATE: unique symbol = Symbol('late');

/**
 * Runs a function on a probe, whatever it does, and reads what it gives back.
 *
 * A promise that is not settled after `milliseconds` is left to itself. A loop that never ends
 * cannot be left: a notebook's interrupt, or the process around it, has to end that one.
 */
export async function tryOut(
  answer: (...args: never[]) => unknown,
  probe: Probe<Task>,
  milliseconds: number,
): Promise<Trial> {
  const args: unknown[] = probe.args();
  const snapshot = new Snapshot(args);
  const given = () => {
    const changed = snapshot.firstChange();
    snapshot.restore();
    return { args, changed };
  };
  try {
    const running = (async () => {
      const value = await (answer as (...args: unknown[]) => unknown)(...args);
      return { value, parts: await partsOf(value) };
    })();
    const result = await within(running, milliseconds);
    return result === LATE ? { outcome: 'late' } : { outcome: 'returned', ...result, ...given() };
  } catch (error) {
    passInterrupt(error);
    return isCalled('ToDoError', error)
      ? { outcome: 'to-do' }
      : { outcome: 'threw', error, ...given() };
  }
}

/** Waits for a promise, but not for longer than some milliseconds. */
export async function within<T>(
  running: Promise<T>,
  milliseconds: number,
): Promise<T | typeof LATE> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<typeof LATE>((resolve) => {
    timer = setTimeout(() => resolve(LATE), milliseconds);
  });
  try {
    return await Promise.race([running, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** What was thrown, as a phrase, whatever it is. Never throws. */
export function describeError(error: unknown): string {
  try {
    if (error instanceof Error) {
      const words = `${error.name}: ${error.message}`.slice(0, 400);
      return /disposed/i.test(words)
        ? `${words} (a tensor that is returned must not be disposed of, and must leave its tidy as the return value)`
        : words;
    }
  } catch {
    return 'something that cannot be looked at';
  }
  return `${describe(error)} (not an Error)`;
}
