import { reportStray, STRAY } from '../../child/stray';
import { originOf } from './follow';

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
    reportStray(reason, originOf(reason, promise), STRAY.rejection);
  });
  process.setUncaughtExceptionCaptureCallback((error) => {
    if (rejected && rejected.reason === error) return;
    reportStray(error, originOf(error), STRAY.callback);
  });
}
