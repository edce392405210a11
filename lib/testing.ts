import { vi } from 'vitest';

/** What the slow clock has shown last. */
let now = 0;

/**
 * Lets every look at the clock find that a turn of timers is due, until `vi.restoreAllMocks()`. It never goes
 * back, since the last turn is remembered by it.
 */
export function slowClock(): void {
  now = Math.max(now, performance.now());
  vi.spyOn(performance, 'now').mockImplementation(() => (now += 10));
}

/** Lets the event loop turn so often that what was begun, and waits for nothing outside, has ended. */
export async function manyTurns(): Promise<void> {
  for (let i = 0; i < 1000; i++) await new Promise((resolve) => setImmediate(resolve));
}
