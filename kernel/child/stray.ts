import type { Cell } from './context';
import { failureOf } from './failure';
import { send } from './host';
import { KeyboardInterrupt } from './interruption';

/** How an error is introduced that no cell caught. */
export const STRAY = {
  rejection: 'This promise was rejected and nothing awaited it:',
  callback: 'This error was thrown in a callback, and nothing caught it:',
} as const;

/** Shows an error that no cell caught under the cell that caused it. */
export function reportStray(thrown: unknown, cell: Cell, heading: string): void {
  if (cell.interrupted || KeyboardInterrupt.is(thrown)) return;
  const failure = failureOf(thrown);
  if (cell.sink) cell.sink.print('stderr', `${heading}\n${failure.name}: ${failure.message}\n`);
  else send({ type: 'failure', cell: cell.id, failure, heading });
}
