import { bytesAlive } from '#platform/memory';

/** Bytes that are alive: of objects, and of the buffers of arrays, which are outside the heap. */
export interface Alive {
  objects: number;
  buffers: number;
}

const measuring = new WeakSet<object>();

/**
 * Marks a function that a probe hands over and that calls {@link liveBytes}: where the answer runs in
 * another process, the bytes of that process are meant, and come with the call.
 */
export function measures<F extends (...args: never[]) => unknown>(f: F): F {
  measuring.add(f);
  return f;
}

export const isMeasuring = (f: object) => measuring.has(f);

let elsewhere: (() => Alive | undefined) | undefined;

/** Runs a function in which {@link liveBytes} are those of another process. */
export function withBytesOf<T>(bytes: () => Alive | undefined, run: () => T): T {
  const before = elsewhere;
  elsewhere = bytes;
  try {
    return run();
  } finally {
    elsewhere = before;
  }
}

/**
 * The bytes that are alive now, after a collection of garbage. Nothing where garbage cannot be
 * collected on demand.
 *
 * Called from within what a probe hands over, it tells what an answer keeps while it runs. It takes
 * some ten milliseconds. Buffers are counted exactly; objects are not: between two calls the engine
 * may give back what others have left, such as some hundred kilobytes of the compiled code of
 * functions that are no longer called. So {@link growth} is what to compare by.
 */
export function liveBytes(): Alive | undefined {
  return elsewhere ? elsewhere() : bytesAlive();
}

/** By how many bytes more are alive. What the engine gave back of objects does not hide new buffers. */
export function growth(before: Alive, now: Alive): number {
  const buffers = now.buffers - before.buffers;
  return Math.max(buffers, buffers + now.objects - before.objects);
}
