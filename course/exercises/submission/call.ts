import type * as tf from '@tensorflow/tfjs';
import type { Change, Thrown } from './messages';
import { FormatError, readValue } from './value-reader';
import type { Numbers } from './values';

/** What is known of one call of a learner's function while it runs. */
export interface Call {
  functions: Map<number, { f: (...args: unknown[]) => unknown; owner: unknown }>;
  arrays: Map<number, Numbers>;
  tensors: Map<number, tf.Tensor>;
  /** Tensors that came with calls from there. */
  lent: tf.Tensor[];
}

export const listOf = <T>(list: T[]): T[] => {
  if (!Array.isArray(list)) throw new FormatError('no list');
  return list;
};

/** The tensors of a call, for what is read while it runs. */
export const knownIn = ({ tensors }: Call) => ({
  tensor: (kind: string, index: number) => (kind === 'known' ? tensors.get(index) : undefined),
});

/** Writes what was changed there into the arrays here; their lengths stay. */
export function applyChanges({ arrays }: Call, changes: Change[], bytes: Uint8Array) {
  for (const [id, coded] of listOf(changes)) {
    const array = arrays.get(id);
    const numbers = readValue({ value: coded, bytes }) as Numbers;
    if (!array || numbers?.length !== array.length) continue;
    for (const [i, x] of numbers.entries()) array[i] = Number(x);
  }
}

/** An error that was thrown there. */
export function revived(error: Thrown, bytes: Uint8Array, call: Call): unknown {
  if (!error || typeof error !== 'object') throw new FormatError('no error');
  if (!('name' in error)) return readValue({ value: error.value, bytes }, knownIn(call));
  // An interrupt is the user's, and never comes from there.
  const name = error.name === 'KeyboardInterrupt' ? 'Error' : String(error.name);
  return Object.assign(new Error(String(error.message)), { name });
}
