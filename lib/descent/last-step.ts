import * as tf from '@tensorflow/tfjs';
import { mapTensors, type NamedTensors, tensors } from '../spaces';
import type { NamedWeights } from './saved-state';
import type { NamedVariables } from './variables';

/** A vector of the last step, kept by the variable itself until the next one. */
export class LastStep {
  readonly #kept = new Map<tf.Variable, tf.Tensor>();
  /** What was saved, until the next step shows whose it is. */
  #saved: tf.Tensor[] = [];

  /** The vector for these variables; undefined unless all of them, and no others, took the step. */
  of(variables: NamedVariables): NamedTensors | undefined {
    const list = Object.values(variables);
    this.#claim(list);
    if (list.length !== this.#kept.size || !list.every((v) => this.#kept.has(v))) return undefined;
    return mapTensors(variables, (variable) => this.#kept.get(variable as tf.Variable)!);
  }

  /** Takes over a vector, in the place of the one before. */
  keep(variables: NamedVariables, vector: NamedTensors): void {
    this.dispose();
    for (const [name, variable] of Object.entries(variables)) {
      this.#kept.set(variable, vector[name]!);
    }
  }

  /** As weights, which stay this object's. */
  saved(): NamedWeights {
    const known = [...this.#kept].map(([{ name }, tensor]) => ({ name: `${name}/step`, tensor }));
    return [...known, ...this.#saved.map((tensor, i) => ({ name: `${i}/step`, tensor }))];
  }

  /** Takes over saved tensors, for the variables of the next step, in their order. */
  restore(saved: tf.Tensor[]): void {
    this.dispose();
    this.#saved = saved;
  }

  dispose(): void {
    tensors.free([...this.#kept.values(), this.#saved]);
    this.#kept.clear();
    this.#saved = [];
  }

  #claim(list: readonly tf.Variable[]): void {
    const saved = this.#saved;
    const fits = ({ shape }: tf.Variable, i: number) =>
      saved[i] !== undefined && tf.util.arraysEqual(shape, saved[i].shape);
    if (saved.length === 0 || saved.length !== list.length || !list.every(fits)) return;
    this.#saved = [];
    for (const [i, variable] of list.entries()) this.#kept.set(variable, saved[i]!);
  }
}
