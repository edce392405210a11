import type { Cell } from '../../child/context';
import { failureOf } from '../../child/failure';
import { KeyboardInterrupt } from '../../child/interruption';
import { originOf } from './follow';
import { send } from './wire';

/**
 * Shows errors that no cell caught under the cell that caused them, and lives on.
 *
 * Libraries made with emscripten install handlers that throw the error again. The capture callback
 * comes before all other handlers of uncaught errors, so what they throw ends here as well.
 */
export function reportStrayErrors(): void {
  let rejected: { reason: unknown } | undefined;
  process.on('unhandledRejection', (reason, promise) => {
    rejected = { reason };
    setImmediate(() => {
      rejected = undefined;
    });
    report(reason, originOf(reason, promise), 'This promise was rejected and nothing awaited it:');
  });
  process.setUncaughtExceptionCaptureCallback((error) => {
    if (rejected && rejected.reason === error) return;
    report(error, originOf(error), 'This error was thrown in a callback, and nothing caught it:');
  });
}

function report(thrown: unknown, cell: Cell, heading: string): void {
  if (cell.interrupted || KeyboardInterrupt.is(thrown)) return;
  if (cell.sink) {
    const { name, message } = failureOf(thrown);
    cell.sink.print('stderr', `${heading}\n${name}: ${message}\n`);
    return;
  }
  send({ type: 'failure', cell: cell.id, failure: failureOf(thrown), heading });
}
