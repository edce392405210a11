import { inspect } from 'node:util';
import { noteOf } from '../../child/failure';
import { KeyboardInterrupt } from '../../child/interruption';

type Method = (...values: unknown[]) => unknown;

/**
 * Lets `console` print a note for a value that throws when it is looked at, a proxy, a getter or a
 * `toString`: a cell should not fail at its own message about what went wrong.
 */
export function guardConsole(): void {
  const methods = console as typeof console & Record<string, Method>;
  for (const [name, method] of Object.entries(methods)) {
    if (typeof method !== 'function') continue;
    const guarded: Method = (...values) => {
      try {
        return method(...values);
      } catch (error) {
        if (KeyboardInterrupt.is(error)) throw error;
        return printAnyway(name, method, values);
      }
    };
    Object.defineProperty(guarded, 'name', { value: name });
    methods[name] = Object.assign(guarded, method);
  }
}

function printAnyway(name: string, method: Method, values: readonly unknown[]): unknown {
  const [format, ...rest] = values.map(safe);
  try {
    return method(format, ...rest);
  } catch (error) {
    if (KeyboardInterrupt.is(error)) throw error;
    const stream = /^(error|warn|trace|assert)$/.test(name) ? process.stderr : process.stdout;
    return void stream.write(`${noteOf(error)}\n`);
  }
}

/** The value where each way to look at it works, else the note about it. */
function safe(value: unknown): unknown {
  if (value === null || (typeof value !== 'object' && typeof value !== 'function')) return value;
  try {
    inspect(value);
    Object.keys(value);
    String(value);
    return value;
  } catch (error) {
    return noteOf(error);
  }
}
