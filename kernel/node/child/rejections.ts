import { currentCell, within } from '../../child/context';
import { isCellFrame } from '../../child/frames';
import { KeyboardInterrupt } from '../../child/interruption';
import { reportStray, STRAY } from '../../child/stray';
import { originOf } from './follow';
import { nodeHost } from './host';

/**
 * Shows errors that no cell caught under the cell that caused them, and lives on. Where a cell listens for
 * them, as by `process.on('uncaughtException', …)`, its listeners are called in place of that.
 *
 * Libraries made with emscripten install handlers that throw the error again. The capture callback
 * comes before all other handlers of uncaught errors, so what they throw ends here as well.
 */
export function reportStrayErrors(): void {
  const listeners = followListeners();
  let rejected: { reason: unknown } | undefined;
  process.on('unhandledRejection', (reason, promise) => {
    rejected = { reason };
    setImmediate(() => {
      rejected = undefined;
    });
    // Node.js calls all listeners, also those of cells.
    if (listeners('unhandledRejection').length > 0) return;
    report(reason, originOf(reason, promise), STRAY.rejection, 'unhandledRejection');
  });
  process.setUncaughtExceptionCaptureCallback((error) => {
    if (rejected && rejected.reason === error) return;
    report(error, originOf(error), STRAY.callback, 'uncaughtException');
  });

  function report(
    ...[error, cell, heading, origin]: [...Parameters<typeof reportStray>, origin: string]
  ): void {
    const own = listeners('uncaughtException');
    if (own.length === 0 || cell.interrupted || KeyboardInterrupt.is(error)) {
      reportStray(error, cell, heading);
      return;
    }
    for (const listener of own) {
      try {
        within(cell, () => Reflect.apply(listener, process, [error, origin]));
      } catch (thrown) {
        reportStray(thrown, currentCell(), STRAY.callback);
      }
    }
  }
}

type Listener = (...given: unknown[]) => unknown;

/** @returns a function that returns the listeners of `process` that cells have added and not removed. */
function followListeners(): (event: string) => Listener[] {
  const added = new WeakSet<object>();
  process.on('newListener', (_event: string, listener: object) => {
    const [, ...callers] = frames();
    const caller = callers.find((frame) => !frame.includes('(node:'));
    if (caller !== undefined && isCellFrame(caller)) added.add(listener);
  });
  return (event) => {
    const all = process.rawListeners(event) as (Listener & { listener?: Listener })[];
    return all.filter((one) => added.has(one.listener ?? one));
  };
}

/** Where this was called from, innermost first, whatever a cell has set. */
function frames(): string[] {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 10;
  const [, , ...lines] = nodeHost.stackOf(new Error())?.split('\n') ?? [];
  Error.stackTraceLimit = stackTraceLimit;
  return lines;
}
