import { bytesAlive } from '#platform/memory';

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

let elsewhere: (() => number | undefined) | undefined;

/** Runs a function in which {@link liveBytes} are those of another process. */
export function withBytesOf<T>(bytes: () => number | undefined, run: () => T): T {
  const before = elsewhere;
  elsewhere = bytes;
  try {
    return run();
  } finally {
    elsewhere = before;
  }
}

/**
 * The bytes that are alive now, after a collection of garbage: of objects and of buffers outside
 * the heap. Nothing where garbage cannot be collected on demand.
 *
 * Called from within what a probe hands over, it tells what an answer keeps while it runs. It takes
 * some ten milliseconds, and is exact to a few kilobytes: let what is counted be larger.
 */
export function liveBytes(): number | undefined {
  return elsewhere ? elsewhere() : bytesAlive();
}
