import { inspect } from 'node:util';
import { currentCell } from './context';
import { withoutKernelFrames } from './frames';
import type { Bundle } from './messages';
import { send } from './wire';

/** Shows `bundle` under the running cell; `update` replaces the output with its `display_id`. */
export type Display = (bundle: Bundle, update?: boolean) => void;

export const display: Display = (bundle, update = false) => {
  const cell = currentCell();
  if (cell.interrupted) return;
  if (cell.sink) return cell.sink.display(bundle, update);
  send({ type: 'display', cell: cell.id, bundle, update });
};

/** Removes what the running cell has shown; with `wait`, once something new is shown. */
export function clearOutput(wait = false): void {
  send({ type: 'clear', cell: currentCell().id, wait });
}

/**
 * How a value is shown: the bundle of its own `Symbol.for('Jupyter.display')` method where it has
 * one (as in Deno's kernel), else as Node.js would print it.
 */
export async function bundleOf(value: unknown): Promise<Bundle> {
  const own = methodOf(value, Symbol.for('Jupyter.display'));
  if (own) return { data: (await own.call(value)) as Record<string, unknown>, metadata: {} };
  return { data: { 'text/plain': withoutKernelFrames(inspect(value)) }, metadata: {} };
}

function methodOf(value: unknown, name: symbol): (() => unknown) | undefined {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null)
    return undefined;
  const method = Reflect.get(value, name);
  return typeof method === 'function' ? method : undefined;
}
