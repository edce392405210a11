import { inspect, types } from 'node:util';
import type { Failure } from './messages';

const MOST_CHARACTERS = 100_000;

/** What was thrown, as it can be sent: also when it is no error, or its fields are strange. */
export function failureOf(thrown: unknown): Failure {
  try {
    if (!isError(thrown)) return { name: 'Uncaught', message: inspect(thrown) };
    const name = String(thrown.name);
    const message = plainNames(String(thrown.message));
    const stack = plainNames(stackOf(thrown, name, message));
    return { name, message, stack: stack.slice(0, MOST_CHARACTERS) };
  } catch {
    return { name: 'Error', message: 'an error whose fields cannot be read' };
  }
}

export const INTERRUPTED: Failure = {
  name: 'KeyboardInterrupt',
  message: 'the cell was interrupted',
};

/** Names as the cell has them: `(0 , f__shared.f)` and `x__shared.x` are how they are compiled. */
function plainNames(text: string): string {
  return text.includes('__shared.')
    ? text.replace(/\(0 , ([\w$]+)__shared\.\1\)|([\w$]+)__shared\.\2/g, '$1$2')
    : text;
}

function stackOf(error: Error, name: string, message: string): string {
  const stack = typeof error.stack === 'string' ? error.stack : `${name}: ${message}`;
  if (!('cause' in error) || error.cause === undefined) return stack;
  const { cause } = error;
  const text = isError(cause) ? failureOf(cause).stack : inspect(cause);
  return `${stack}\nCaused by ${text}`;
}

/** Also errors of other realms, which `instanceof` does not know. */
function isError(value: unknown): value is Error {
  return value instanceof Error || types.isNativeError(value);
}
