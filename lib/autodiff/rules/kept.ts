import type * as tf from '@tensorflow/tfjs';
import type { Tape } from '../tape';

type Kept = Map<string, () => tf.Tensor[]>;

const ofTapes = new WeakMap<Tape, WeakMap<object, Kept>>();

/**
 * What a tape keeps of a recorded tensor under a name: computed when first asked for, once for all
 * operations that save the same data.
 */
export function kept(
  tape: Tape,
  { dataId }: tf.Tensor,
  name: string,
  compute: () => tf.Tensor,
): () => tf.Tensor {
  const ofTape = ofTapes.get(tape) ?? new WeakMap<object, Kept>();
  ofTapes.set(tape, ofTape);
  const ofData: Kept = ofTape.get(dataId) ?? new Map();
  ofTape.set(dataId, ofData);
  const values = ofData.get(name) ?? tape.constants(() => [compute()]);
  ofData.set(name, values);
  return () => values()[0]!;
}
