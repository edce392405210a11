import type * as tf from '@tensorflow/tfjs';
import { engine } from '../backends';

/** The ids of the tensors from which the running tape leads to `target`, its own included. */
export function reachedFrom(target: tf.Tensor): ReadonlySet<number> {
  const makers = new Map<number, tf.Tensor[]>();
  for (const { inputs, outputs } of engine().state.activeTape ?? []) {
    for (const output of outputs) makers.set(output.id, Object.values(inputs));
  }
  const reached = new Set([target.id]);
  for (const id of reached) {
    for (const input of makers.get(id) ?? []) if (input != null) reached.add(input.id);
  }
  return reached;
}
