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

/** Counts the turns that the event loop has while work goes on, by the slow clock. */
export async function turnsDuring<T>(
  work: () => Promise<T>,
): Promise<{ turns: number; result: T }> {
  slowClock();
  let [turns, going] = [0, true];
  const turn = () => {
    turns++;
    if (going) setImmediate(turn);
  };
  setImmediate(turn);
  try {
    const result = await work();
    return { turns, result };
  } finally {
    going = false;
    vi.restoreAllMocks();
  }
}
