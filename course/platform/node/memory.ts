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

/**
 * The bytes that are alive now, after a collection of garbage: of objects and of buffers outside
 * the heap. Nothing where garbage cannot be collected on demand.
 */
export function bytesAlive(): { objects: number; buffers: number } | undefined {
  if (collect === null) collect = collector();
  if (!collect) return undefined;
  collect();
  collect(); // Buffers are given back by the second one.
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return { objects: heapUsed, buffers: arrayBuffers };
}
