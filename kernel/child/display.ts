import { inspect } from 'node:util';
import { currentCell } from './context';
import { withoutKernelFrames } from './frames';
import type { Bundle } from './messages';
import { send } from './wire';

const FORMATTERS = Symbol.for('implicit-kernel.formatters');

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

type Data = Record<string, unknown>;

/** What libraries say of values that have no method of their own; see the README. */
type Formatters = Map<string, (value: unknown) => Promise<Data | undefined> | Data | undefined>;

/**
 * How a value is shown: by its own `Symbol.for('Jupyter.display')` method where it has one (as in
 * Deno's kernel), by a library's formatter, else as Node.js would print it. Nothing is shown where
 * the method gives no representation.
 */
export async function bundleOf(value: unknown): Promise<Bundle | undefined> {
  const own = methodOf(value, Symbol.for('Jupyter.display'));
  const data = own
    ? ((await own.call(value)) as Data)
    : ((await formatted(value)) ?? { 'text/plain': withoutKernelFrames(inspect(value)) });
  return Object.keys(data).length > 0 ? { data, metadata: {} } : undefined;
}

async function formatted(value: unknown): Promise<Data | undefined> {
  const { [FORMATTERS]: formatters } = globalThis as { [FORMATTERS]?: Formatters };
  for (const format of formatters?.values() ?? []) {
    const data = await format(value);
    if (data) return data;
  }
  return undefined;
}

function methodOf(value: unknown, name: symbol): (() => unknown) | undefined {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null)
    return undefined;
  const method = Reflect.get(value, name);
  return typeof method === 'function' ? method : undefined;
}
