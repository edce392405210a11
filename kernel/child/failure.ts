import { inspect, types } from 'node:util';
import type { Failure } from './messages';

/** What was thrown, as it can be sent: also when it is no error, or its fields are strange. */
export function failureOf(thrown: unknown): Failure {
  if (!isError(thrown)) return { name: 'Uncaught', message: inspect(thrown) };
  try {
    const name = String(thrown.name);
    const message = String(thrown.message);
    return { name, message, stack: stackOf(thrown, name, message) };
  } catch {
    return { name: 'Error', message: 'an error whose fields cannot be read' };
  }
}

export const INTERRUPTED: Failure = {
  name: 'KeyboardInterrupt',
  message: 'the cell was interrupted',
};

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
