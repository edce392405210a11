import * as tf from '@tensorflow/tfjs';
import { engine } from '../backends/engine';
import type { Pausing } from '../event-loop';

/**
 * A state of all variables, where work can be done again later.
 *
 * It holds references: no number is copied.
 */
export class Place {
  readonly #values = new Map<tf.Variable, tf.Tensor>();

  constructor() {
    for (const variable of live()) this.#values.set(variable, held(variable));
  }

  /**
   * Does the work with the variables as they were here, and leaves them as they are now: what the work
   * itself assigns to one, such as the moving mean of a batch norm, is undone.
   */
  run<T>(work: () => T): T {
    const now = new Map(live().map((variable) => [variable, held(variable)]));
    const ids = new Map([...now.keys()].map((variable) => [variable, variable.dataId]));
    try {
      for (const [variable, value] of this.#values) {
        if (!variable.isDisposed && variable.dataId !== value.dataId) variable.assign(value);
      }
      return work();
    } finally {
      for (const [variable, value] of now) {
        if (!variable.isDisposed && variable.dataId !== ids.get(variable)) variable.assign(value);
        value.dispose();
      }
    }
  }

  /** The same of work that can be left for a while, of which the first portion alone reads variables. */
  *runInPieces<T>(work: Pausing<T>): Pausing<T> {
    const first = this.run(() => work.next());
    if (first.done) return first.value;
    yield;
    return yield* work;
  }

  /** Whether all variables are as they were. */
  get isHere(): boolean {
    const now = live();
    const same = (variable: tf.Variable) => this.#values.get(variable)?.dataId === variable.dataId;
    return now.length === this.#values.size && now.every(same);
  }

  dispose(): void {
    tf.dispose([...this.#values.values()]);
    this.#values.clear();
  }
}

const live = (): tf.Variable[] =>
  Object.values(engine().registeredVariables).filter(({ isDisposed }) => !isDisposed);

/** A reference that a `tidy` around does not free. */
const held = (variable: tf.Variable): tf.Tensor => tf.keep(tf.tidy(() => variable.clone()));
