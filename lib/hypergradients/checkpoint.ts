import * as tf from '@tensorflow/tfjs';
import { mapTensors, type NamedTensors, tensors } from '../spaces';

/** Everything a bilevel run needs to go on, as plain numbers: it survives JSON. */
export interface BilevelCheckpoint {
  /** Outer and inner steps taken. */
  step: number;
  innerSteps: number;
  w: SavedTensors;
  λ: SavedTensors;
  adjoint?: SavedTensors;
  innerOptimizer?: SavedTensors;
  outerOptimizer: SavedTensors;
}

export type SavedTensors = Record<
  string,
  { shape: number[]; dtype: tf.DataType; values: number[] }
>;

export async function save(x: NamedTensors): Promise<SavedTensors> {
  const saved: SavedTensors = {};
  for (const [name, value] of Object.entries(x)) {
    saved[name] = { shape: value.shape, dtype: value.dtype, values: [...(await value.data())] };
  }
  return saved;
}

/** New tensors, the caller's. */
export function load(saved: SavedTensors): NamedTensors {
  return Object.fromEntries(
    Object.entries(saved).map(([name, { shape, dtype, values }]) => [
      name,
      tf.tensor(values, shape, dtype),
    ]),
  );
}

/** Loads what must be like something that is there. */
export function loadLike(saved: SavedTensors, like: NamedTensors, what: string): NamedTensors {
  const loaded = load(saved);
  try {
    tensors.check(loaded, like, what);
    // In the order of the original.
    return mapTensors(like, (_, name) => loaded[name]!);
  } catch (error) {
    tensors.free(loaded);
    throw error;
  }
}

/** The state of an optimizer: its moments, by place. */
export async function saveOptimizer(optimizer: tf.Optimizer): Promise<SavedTensors> {
  const weights = await optimizer.getWeights();
  const saved = await save(
    Object.fromEntries(weights.map(({ name, tensor }, i) => [`${i}/${name}`, tensor])),
  );
  // The count of steps is made for the asking; moments are the optimizer's own.
  for (const { tensor } of weights) if (!(tensor instanceof tf.Variable)) tensor.dispose();
  return saved;
}

/** Moments become variables of the optimizer's, which has to be new. */
export async function loadOptimizer(optimizer: tf.Optimizer, saved: SavedTensors): Promise<void> {
  const loaded = load(saved);
  const weights = Object.entries(loaded).map(([name, tensor]) => ({
    name: name.slice(name.indexOf('/') + 1),
    tensor,
  }));
  await optimizer.setWeights(weights);
  tensors.free(loaded);
}
