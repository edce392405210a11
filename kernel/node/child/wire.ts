import { writeSync } from 'node:fs';
import { stringify } from '../../child/json';
import type { FromChild } from '../../child/messages';

/** The file descriptors in addition to stdin, stdout and stderr that connect a child with its parent. */
export const TO_PARENT = 3;
export const FROM_PARENT = 4;
/** Written by the watchdog alone: lines of two threads could get mixed up. */
export const TO_DEBUGGER = 5;

/**
 * Sends a message to the parent, one JSON line, before it returns: nothing is lost when the process
 * dies next, loops that never yield are heard, and one that prints without end is slowed down to
 * what the parent takes.
 */
export function send(message: FromChild): void {
  sendTo(TO_PARENT, message);
}

export function sendTo(pipe: number, message: object): void {
  let rest = Buffer.from(`${encoded(message)}\n`);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(pipe, rest));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
    }
  }
}

const PROTOTYPES = [Object, Array, String, Number, Boolean].map(({ prototype }) => prototype);

/** Messages are plain: a `toJSON` that a cell or an old library gave to all objects is not asked. */
function encoded(message: object): string {
  const spoilt = PROTOTYPES.filter((prototype) => Object.hasOwn(prototype, 'toJSON'));
  if (spoilt.length === 0) return stringify(message);
  const own = spoilt.map((prototype) => Object.getOwnPropertyDescriptor(prototype, 'toJSON')!);
  for (const prototype of spoilt) Reflect.deleteProperty(prototype, 'toJSON');
  try {
    return stringify(message);
  } finally {
    spoilt.forEach((prototype, i) => void Reflect.defineProperty(prototype, 'toJSON', own[i]!));
  }
}
