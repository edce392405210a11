import * as tf from '@tensorflow/tfjs';
import { mapTensors, type NamedTensors, type Vector } from '../../spaces';

/** Where a run keeps a vector that moves: variables, which optimizers know, or an array. */
export interface Place<V> {
  /** As it is now; the run's own. */
  readonly value: V;
  /** Takes over the numbers of x, which is left as it is. */
  assign(x: V): void;
  dispose(): void;
}

/** A place that starts as a copy of x. */
export function placeOf<V extends Vector>(x: V): Place<V>;
export function placeOf(x: Vector): Place<Float64Array> | Place<NamedTensors> {
  return x instanceof Float64Array ? arrayPlace(x) : variablesPlace(x);
}

/** The variables of a place of tensors, by the names of its vector. */
export const variablesOf = ({ value }: Place<NamedTensors>) => value as Record<string, tf.Variable>;

function variablesPlace(x: NamedTensors): Place<NamedTensors> {
  const variables = mapTensors(x, (value) =>
    tf.tidy(() => tf.keep(tf.variable(value.clone() as tf.Tensor))),
  ) as Record<string, tf.Variable>;
  return {
    value: variables,
    assign(x) {
      // The data are shared and counted: x can be freed, and the variable moved, each on its own.
      for (const name of Object.keys(variables)) variables[name]!.assign(x[name]!);
    },
    dispose: () => tf.dispose(variables),
  };
}

function arrayPlace(x: Float64Array): Place<Float64Array> {
  const value = x.slice();
  return { value, assign: (x) => value.set(x), dispose() {} };
}
