import { writeSync } from 'node:fs';
import type { FromChild } from './messages';

/** The file descriptors beside stdin, stdout and stderr that connect a child with its parent. */
export const TO_PARENT = 3;
export const FROM_PARENT = 4;

/**
 * Sends a message to the parent, one JSON line, before it returns: nothing is lost when the process
 * dies next, loops that never yield are heard, and one that prints without end is slowed down to
 * what the parent takes.
 */
export function send(message: FromChild): void {
  let rest = Buffer.from(`${JSON.stringify(message)}\n`);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(TO_PARENT, rest));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
    }
  }
}
