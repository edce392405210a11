import { currentCell } from './context';
import { failureOf, printed } from './failure';
import { host, send } from './host';
import { KeyboardInterrupt } from './interruption';
import type { Bundle } from './messages';
import { sendableBundle } from './sendable';
import type { Display } from './sink';

const FORMATTERS = Symbol.for('implicit-kernel.formatters');

export const display: Display = (given, update = false) => {
  const cell = currentCell();
  if (cell.interrupted) return;
  const bundle = sendableBundle(given);
  if (cell.sink) return cell.sink.display(bundle, update);
  send({ type: 'display', cell: cell.id, bundle, update: Boolean(update) });
};

/** Removes what the running cell has shown; with `wait`, once something new is shown. */
export function clearOutput(wait = false): void {
  send({ type: 'clear', cell: currentCell().id, wait: Boolean(wait) });
}

type Data = Record<string, unknown>;

/** The formatters that libraries register for values without their own method; see the README. */
type Formatters = Map<string, (value: unknown) => Promise<Data | undefined> | Data | undefined>;

/**
 * How a value is shown: by its own `Symbol.for('Jupyter.display')` method where it has one (as in
 * Deno's kernel), by a library's formatter, else as Node.js would print it. Nothing is shown where
 * the method gives an empty record; where it throws, the error is shown below, and the value is printed.
 */
export async function bundleOf(value: unknown): Promise<Bundle | undefined> {
  const { data } = (await ownData(value)) ?? {
    data: (await formatted(value)) ?? { 'text/plain': printed(value) },
  };
  const bundle = sendableBundle({ data });
  return Object.keys(bundle.data).length > 0 ? bundle : undefined;
}

/** What the value's own method gave, whatever it is; nothing where there is none, or it threw. */
async function ownData(value: unknown): Promise<{ data: unknown } | undefined> {
  const own = methodOf(value, Symbol.for('Jupyter.display'));
  if (!own) return undefined;
  try {
    return { data: await own.call(value) };
  } catch (error) {
    reportFailed(error);
    return undefined;
  }
}

async function formatted(value: unknown): Promise<Data | undefined> {
  const { [FORMATTERS]: formatters } = globalThis as { [FORMATTERS]?: Formatters };
  for (const format of formatters?.values() ?? []) {
    try {
      const data = await format(value);
      if (data) return data;
    } catch (error) {
      // Whether it is theirs cannot even be asked of every proxy.
      if (KeyboardInterrupt.is(error) || !host().isProxy(value)) reportFailed(error);
    }
  }
  return undefined;
}

/** The value of a cell is there, whatever becomes of its picture. */
function reportFailed(error: unknown): void {
  if (KeyboardInterrupt.is(error)) throw error;
  const heading = 'The value could not be shown in its own way, and is printed:';
  send({ type: 'failure', cell: currentCell().id, failure: failureOf(error), heading });
}

function methodOf(value: unknown, name: symbol): (() => unknown) | undefined {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null)
    return undefined;
  try {
    const method = Reflect.get(value, name);
    return typeof method === 'function' ? method : undefined;
  } catch (error) {
    if (KeyboardInterrupt.is(error)) throw error;
    return undefined;
  }
}
