import { type Cell, currentCell, enter, knownCell, within } from '../../child/context';
import { becomeBusy } from './interrupts';

type Callback = (...values: unknown[]) => unknown;

/**
 * Follows cells through what they start: promises and timers.
 *
 * A page has no hooks for promises. So that each `await` goes by `Promise.prototype.then`, which is
 * replaced here, cells and the library are compiled to generators.
 */
export function followCells(): void {
  followPromises();
  for (const name of ['setTimeout', 'setInterval', 'queueMicrotask'] as const) follow(name);
}

/** The cell that an uncaught error comes from. */
export function leaveAll(): void {
  enter(undefined);
  becomeBusy();
}

function followPromises(): void {
  const { then } = Promise.prototype;
  const following = function <T>(this: Promise<T>, done?: unknown, failed?: unknown) {
    const cell = knownCell();
    const given = cell ? [carried(cell, done), carried(cell, failed)] : [done, failed];
    return Reflect.apply(then, this, given);
  };
  Object.defineProperty(Promise.prototype, 'then', {
    configurable: true,
    writable: true,
    value: following,
  });
}

/** A callback that runs as part of `cell`; once the cell is interrupted, it never does. */
function carried(cell: Cell, callback: unknown): unknown {
  if (typeof callback !== 'function') return callback;
  return (value: unknown) =>
    cell.interrupted ? new Promise(() => {}) : within(cell, () => callback(value));
}

function follow(name: 'setTimeout' | 'setInterval' | 'queueMicrotask'): void {
  const schedule = globalThis[name] as (callback: Callback, ...rest: unknown[]) => number;
  const following = (callback: Callback, ...rest: unknown[]): number => {
    const cell = knownCell();
    if (!cell || typeof callback !== 'function') return schedule(callback, ...rest);
    const handle = schedule(
      (...values) => {
        if (!cell.interrupted) return void within(cell, () => callback(...values));
        if (name === 'setInterval') clearInterval(handle);
      },
      ...rest,
    );
    return handle;
  };
  Object.defineProperty(globalThis, name, {
    configurable: true,
    writable: true,
    value: following,
  });
}

/** The cell that a rejection is put down to. */
export const originOf = (): Cell => currentCell();
