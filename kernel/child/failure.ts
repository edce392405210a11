import { plainFrames, plainNames, plainText, splitStack } from './frames';
import { host } from './host';
import type { Failure } from './messages';

const MOST_CHARACTERS = 100_000;

/** Of an error's errors, and of the causes behind it. */
const MOST_ERRORS = 20;
const MOST_LEVELS = 8;

/** `inspect`'s text of the fields of an error, which may hold a whole request or model. */
const FIELDS = { depth: 2, breakLength: 80, maxArrayLength: 20, maxStringLength: 1000 };

export const INTERRUPTED: Failure = {
  name: 'KeyboardInterrupt',
  message: 'the cell was interrupted',
};

/**
 * What was thrown, as it can be sent: also when it is not an error, or looking at it throws.
 *
 * @param around the errors that hold this one, which end a circle of causes.
 */
export function failureOf(thrown: unknown, around: readonly unknown[] = []): Failure {
  if (!isError(thrown)) return { name: 'Uncaught', message: printed(thrown) };
  const name = nameOf(thrown);
  const message =
    read(() => plainNames(String(thrown.message))) ?? '[a message that cannot be read]';
  return {
    name: name.slice(0, MOST_CHARACTERS),
    message: message.slice(0, MOST_CHARACTERS),
    ...traceOf(thrown, name, message),
    fields: fieldsOf(thrown),
    ...innerOf(thrown, [...around, thrown]),
  };
}

function nameOf(error: Error): string {
  const name = read(() => error.name);
  return typeof name === 'string' && name !== '' ? name : 'Error';
}

/** As Node.js prints it, or a note where it cannot: a value may throw when it is looked at. */
export function printed(value: unknown): string {
  try {
    return plainText(host().inspect(value)).slice(0, MOST_CHARACTERS);
  } catch (error) {
    return noteOf(error);
  }
}

/** What is shown in place of a value that threw `error` when it was looked at. */
export function noteOf(error: unknown): string {
  const reason = isError(error)
    ? `${nameOf(error)}: ${read(() => String(error.message)) ?? ''}`
    : read(() => host().inspect(error));
  return `[a value that cannot be printed: ${(reason ?? 'unknown').slice(0, 500)}]`;
}

/** Its head is renewed: `name` and `message` may have been given after the stack was taken. */
function traceOf(error: Error, name: string, message: string): Pick<Failure, 'head' | 'frames'> {
  const stack = read(() => host().stackOf(error));
  const { head, frames } = splitStack(typeof stack === 'string' ? plainNames(stack) : '');
  const whole = head.includes(name) && head.includes(message);
  const first = message === '' ? name : `${name}: ${message}`;
  return {
    head: (whole && head !== '' ? head : first).slice(0, MOST_CHARACTERS),
    frames: plainFrames(frames),
  };
}

const SHOWN_OTHERWISE = new Set<PropertyKey>(['name', 'message', 'stack', 'cause', 'errors']);

/** The other properties of an error, such as `code`; a getter is named, not called. */
function fieldsOf(error: Error): string | undefined {
  return read(() => {
    const fields: Record<PropertyKey, unknown> = {};
    for (const key of Reflect.ownKeys(error)) {
      const field = Object.getOwnPropertyDescriptor(error, key);
      if (!field?.enumerable || SHOWN_OTHERWISE.has(key)) continue;
      Object.defineProperty(fields, key, field);
    }
    if (Reflect.ownKeys(fields).length === 0) return undefined;
    const text = read(() => host().inspect(fields, FIELDS)) ?? namesOf(fields);
    return plainText(text).slice(0, MOST_CHARACTERS);
  });
}

/** Each field for itself, where one of them cannot be printed. */
function namesOf(fields: Record<PropertyKey, unknown>): string {
  const lines = Object.keys(fields).map((key) => {
    const { value } = Object.getOwnPropertyDescriptor(fields, key)!;
    return `  ${key}: ${read(() => host().inspect(value, FIELDS)) ?? '[a value that cannot be printed]'}`;
  });
  return `{\n${lines.join(',\n')}\n}`;
}

/** The errors that an error holds, and the one that it was caused by. */
function innerOf(error: Error, around: readonly unknown[]): Pick<Failure, 'errors' | 'cause'> {
  if (around.length > MOST_LEVELS) return {};
  const inner: Pick<Failure, 'errors' | 'cause'> = {};
  const tell = (value: unknown): Failure =>
    around.includes(value)
      ? { name: 'Error', message: '[the same error again]' }
      : failureOf(value, around);
  const errors = read(() => ownValue(error, 'errors'));
  if (Array.isArray(errors) && !host().isProxy(errors)) {
    inner.errors = read(() => errors.slice(0, MOST_ERRORS).map(tell));
    const rest = errors.length - MOST_ERRORS;
    if (rest > 0) inner.errors?.push({ name: 'Uncaught', message: `… and ${rest} more` });
  }
  const cause = read(() => ownValue(error, 'cause'));
  if (cause !== undefined) inner.cause = tell(cause);
  return inner;
}

/** Node.js' and others' errors may have it from their class. */
function ownValue(error: Error, name: 'errors' | 'cause'): unknown {
  return name in error ? Reflect.get(error, name) : undefined;
}

/** What `part` gives, or `undefined` where it throws. */
function read<T>(part: () => T): T | undefined {
  try {
    return part();
  } catch {
    return undefined;
  }
}

/** Also errors of other realms, which `instanceof` does not know; a proxy may refuse the question. */
function isError(value: unknown): value is Error {
  return host().isError(value) || read(() => value instanceof Error) === true;
}
