import * as tf from '@tensorflow/tfjs';
import type { Probe, Task } from './exercise';
import type { Part } from './reading';

/** An answer's result on a probe, with the right one. */
export interface Pair {
  probe: Probe<Task>;
  args: unknown[];
  value: unknown;
  /** The value in the types of the reference, for properties. */
  result: unknown;
  mine: Part[];
  right: Part[];
  rightValue: unknown;
  /** The first argument that was changed. */
  changed: number | undefined;
  /** How many tensors the answer made and left behind. */
  kept: number;
  /** What was thrown instead of a result. */
  thrown: { error: unknown } | undefined;
}

/** What a learner hands over, or a mutant does. */
export type Answer = (...args: never[]) => unknown;

/** Gives back tensors that are not also in what was returned. */
export function disposeExcept(args: unknown, returned: unknown) {
  const kept = new Set(tensorsIn(returned));
  for (const tensor of tensorsIn(args)) if (!kept.has(tensor)) tensor.dispose();
}

export const tensorsIn = (value: unknown): tf.Tensor[] =>
  safely(() => tf.tensor_util.getTensorsInContainer(value as tf.TensorContainer)) ?? [];

/** What is computed, or nothing where that throws. */
export function safely<T>(compute: () => T): T | undefined {
  try {
    return compute();
  } catch {
    return undefined;
  }
}
