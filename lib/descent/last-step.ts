import * as tf from '@tensorflow/tfjs';
import { mapTensors, type NamedTensors, tensors } from '../spaces';
import { isNumber } from './candidates';
import type { NamedWeights } from './saved-state';
import type { NamedVariables } from './variables';

/** A vector of the last step, kept by the variable itself until the next one. */
export class LastStep {
  readonly #kept = new Map<tf.Variable, tf.Tensor>();
  /** What was saved, until the next step shows whose it is. */
  #saved: NamedWeights = [];

  /** The vector for these variables; undefined unless all of them, and no others, took the step. */
  of(variables: NamedVariables): NamedTensors | undefined {
    const list = Object.values(variables);
    this.#claim(list);
    if (list.length !== this.#kept.size || !list.every((v) => this.#kept.has(v))) return undefined;
    return mapTensors(variables, (variable) => this.#kept.get(variable as tf.Variable)!);
  }

  /** Takes over a vector, in place of the one before. */
  keep(variables: NamedVariables, vector: NamedTensors): void {
    this.dispose();
    for (const [name, variable] of Object.entries(variables)) {
      this.#kept.set(variable, vector[name]!);
    }
  }

  /** As weights, which stay this object's. */
  saved(): NamedWeights {
    const known = [...this.#kept].map(([{ name }, tensor]) => ({ name: `${name}/step`, tensor }));
    return [...known, ...this.#saved];
  }

  /**
   * Takes over saved tensors: for the variables of the last step where they are of their names and
   * shapes, else for those of the next one.
   */
  restore(saved: NamedWeights): void {
    const kept = [...this.#kept.keys()].filter(({ isDisposed }) => !isDisposed);
    this.dispose();
    this.#saved = saved;
    const same =
      kept.length === saved.length && kept.every((v, i) => saved[i]!.name === `${v.name}/step`);
    if (same) this.#claim(kept);
  }

  dispose(): void {
    tensors.free([...this.#kept.values(), this.#saved.map(({ tensor }) => tensor)]);
    this.#kept.clear();
    this.#saved = [];
  }

  #claim(list: readonly tf.Variable[]): void {
    const saved = this.#saved;
    if (saved.length === 0 || saved.length !== list.length) return;
    // Loading changes names, and TensorFlow.js makes names up: then their places decide.
    const named = list.map(({ name }) => {
      const found = isNumber(name) ? [] : saved.filter((each) => each.name === `${name}/step`);
      return found.length === 1 ? found[0] : undefined;
    });
    const matched = named.every((each) => each !== undefined) ? named : saved;
    const fits = list.every(({ shape }, i) => tf.util.arraysEqual(shape, matched[i]!.tensor.shape));
    if (!fits) return;
    this.#saved = [];
    for (const [i, variable] of list.entries()) this.#kept.set(variable, matched[i]!.tensor);
  }
}
