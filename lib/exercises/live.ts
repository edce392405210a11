import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** A full collection of garbage, where the engine has one to offer. */
function collector(): (() => void) | undefined {
  try {
    setFlagsFromString('--expose-gc');
    const gc: unknown = runInNewContext('gc');
    return typeof gc === 'function' ? () => gc() : undefined;
  } catch {
    return undefined;
  }
}

let collect: (() => void) | undefined | null = null;

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
 * The bytes that are alive now, after a collection of garbage: of objects and of buffers outside of
 * the heap. Nothing where garbage cannot be collected on demand.
 *
 * Called from within what a probe hands over, it tells what an answer keeps while it runs. It takes
 * some ten milliseconds, and is exact to a few kilobytes: let what is counted be larger.
 */
export function liveBytes(): number | undefined {
  if (elsewhere) return elsewhere();
  if (collect === null) collect = collector();
  if (!collect) return undefined;
  collect();
  collect(); // Buffers are given back by the second one.
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
