import { currentCell } from './context';
import { failureOf } from './failure';
import { send } from './wire';

/**
 * Shows errors that no cell caught under the cell that caused them, and lives on.
 *
 * Libraries made with emscripten install handlers that throw the error again. The capture callback
 * comes before all other handlers of uncaught errors, so what they throw ends here as well.
 */
export function reportStrayErrors(): void {
  let rejected: { reason: unknown } | undefined;
  process.on('unhandledRejection', (reason) => {
    rejected = { reason };
    setImmediate(() => {
      rejected = undefined;
    });
    report(reason, 'This promise was rejected and nothing awaited it:');
  });
  process.setUncaughtExceptionCaptureCallback((error) => {
    if (rejected && rejected.reason === error) return;
    report(error, 'This error was thrown outside of the cell’s own course:');
  });
}

function report(thrown: unknown, heading: string): void {
  const cell = currentCell();
  if (cell.interrupted) return;
  send({ type: 'failure', cell: cell.id, failure: failureOf(thrown), heading });
}
