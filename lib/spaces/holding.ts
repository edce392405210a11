import * as tf from '@tensorflow/tfjs';
import { checkLive, mapTensors, type NamedTensors, tensors } from './tensors';
import type { Vector } from './vector';

/**
 * Does asynchronous work with copies of vectors that are the caller's, so that it goes on as it began where
 * they are freed or overwritten meanwhile. Copies of tensors share their memory.
 *
 * @throws DisposedError for a vector that is disposed already.
 */
export async function holding<Vs extends readonly (Vector | undefined)[], T>(
  vectors: readonly [...Vs],
  work: (...held: Vs) => Promise<T>,
): Promise<T> {
  const copies: (Vector | undefined)[] = [];
  // Anything else, such as a vector of another space, is not ours to free.
  const made: NamedTensors[] = [];
  try {
    for (const x of vectors) {
      if (isTensors(x)) {
        made.push(copyOf(x));
        copies.push(made.at(-1));
      } else copies.push(x instanceof Float64Array ? x.slice() : x);
    }
    // Each is of the type of what it is a copy of.
    return await work(...(copies as readonly (Vector | undefined)[] as Vs));
  } finally {
    if (made.length > 0) tensors.free(made);
  }
}

function copyOf(x: NamedTensors): NamedTensors {
  checkLive(x, 'a vector');
  return tensors.keep(mapTensors(x, (value) => value.clone()));
}

/** Anything else is left to the work, which says what is wrong with it. */
function isTensors(x: Vector | undefined | null): x is NamedTensors {
  const values = typeof x === 'object' && x !== null ? Object.values(x) : [];
  return values.length > 0 && values.every((value) => value instanceof tf.Tensor);
}
