import { Session } from 'node:inspector';
import { promisify } from 'node:util';
import { promiseHooks } from 'node:v8';
import { blamedFor, type Cell, currentCell, enter, knownCell, within } from '../../child/context';

/**
 * Follows cells through what they start: promises, timers, ticks. `AsyncLocalStorage` would do the
 * same, but up to Node.js 22 it aborts the process when execution is terminated inside it, and
 * terminating is how a loop is interrupted.
 */

const suspended: (Cell | undefined)[] = [];

/** The cell that an uncaught error or rejection comes from. */
export function originOf(error: unknown, promise?: object): Cell {
  return blamedFor(error) ?? (promise && Stamp.of(promise)) ?? currentCell();
}

/** To be called first in each turn of the kernel's own: a terminated one left its traces. */
export function leaveAll(): void {
  enter(undefined);
  suspended.length = 0;
}

/** Starts to follow cells. Where an interrupted one would go on, it is ended instead. */
export function followCells(): void {
  const inspector = new Session();
  inspector.connect();
  promiseHooks.onInit((promise) => {
    const cell = knownCell();
    if (cell) Stamp.put(promise, cell);
  });
  promiseHooks.onBefore((promise) => {
    suspended.push(knownCell());
    const cell = Stamp.of(promise);
    enter(cell);
    if (cell?.interrupted) inspector.post('Runtime.terminateExecution');
  });
  promiseHooks.onAfter(() => {
    enter(suspended.pop());
  });
  const timers: typeof import('node:timers') = require('node:timers');
  for (const scope of [globalThis, timers]) {
    follow(scope, 'setTimeout');
    follow(scope, 'setInterval');
    follow(scope, 'setImmediate');
  }
  follow(globalThis, 'queueMicrotask');
  follow(process, 'nextTick');
}

type Scheduler = (callback: (...values: unknown[]) => unknown, ...rest: unknown[]) => unknown;

/** Lets callbacks run as part of the cell that scheduled them, or not at all once it is interrupted. */
function follow<Name extends string>(scope: Record<Name, unknown> | object, name: Name): void {
  const schedule = (scope as Record<Name, Scheduler>)[name];
  const following: Scheduler = (callback, ...rest) => {
    const cell = knownCell();
    if (!cell || typeof callback !== 'function') return schedule(callback, ...rest);
    const handle = schedule(
      function (this: unknown, ...values: unknown[]) {
        if (!cell.interrupted) return within(cell, () => callback.apply(this, values));
        if (name === 'setInterval') clearInterval(handle as NodeJS.Timeout);
        return undefined;
      },
      ...rest,
    );
    return handle;
  };
  Object.defineProperty(following, 'name', { value: name });
  if (promisify.custom in schedule) {
    Object.defineProperty(following, promisify.custom, {
      value: (schedule as typeof schedule & Record<symbol, unknown>)[promisify.custom],
    });
  }
  (scope as Record<Name, Scheduler>)[name] = following;
}

class Returned {
  constructor(value: object) {
    // biome-ignore lint/correctness/noConstructorReturn: lets a subclass put a private field on it
    return value;
  }
}

/** Notes a cell on a promise, in a private field: fast, and not printed with it. */
class Stamp extends Returned {
  readonly #cell: Cell;

  private constructor(promise: object, cell: Cell) {
    super(promise);
    this.#cell = cell;
  }

  static put(promise: object, cell: Cell): void {
    new Stamp(promise, cell);
  }

  static of(promise: object): Cell | undefined {
    return #cell in promise ? promise.#cell : undefined;
  }
}
