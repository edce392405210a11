import * as tf from '@tensorflow/tfjs';
import { runOnList } from '../backends/engine';
import { DisposedError } from '../errors';
import { restorer } from './restorer';
import { engine, isolated, withOwnLists } from './tape';

/** A kernel that ran on what depends on trainable variables. */
interface Ran {
  kernel: string;
  inputs: readonly (readonly [name: string, tensor: tf.Tensor])[];
  /** Whether the inputs are a list, as those of a concatenation. */
  isList: boolean;
  attrs: tf.NamedAttrMap;
  /** Ids of what it returned. */
  outputs: readonly number[];
}

/**
 * A loss that was evaluated once, and can be evaluated again where its variables have moved to,
 * without its function being called: the same batch, the same dropout masks, no side effect twice.
 *
 * The kernels that depend on trainable variables are noted while the loss runs; those that lead to
 * it run again. What they take from elsewhere is retained, by reference. No gradient is taken: it
 * costs one evaluation of the loss, on any backend. A branch that the loss took, it takes again.
 */
export class Replay {
  #ran: Ran[] = [];
  readonly #depends = new Set<number>();
  /** What was used and not computed from variables, by its id; who made it may dispose of it. */
  readonly #retained = new Map<number, tf.Tensor>();
  #loss: tf.Tensor | undefined;

  /** The loss, noted while it runs for the first time; what is not a live tensor is left to its caller to refuse. */
  record(loss: () => tf.Scalar): tf.Scalar {
    if (this.#loss !== undefined) return loss();
    const value = this.#during(loss);
    if (value instanceof tf.Tensor && !value.isDisposed) this.#keepPath(value);
    return value;
  }

  /**
   * The loss where its variables are now; belongs to the caller.
   *
   * @throws DisposedError after `dispose`.
   */
  value(): tf.Scalar {
    const loss = this.#loss;
    if (loss === undefined) {
      throw new DisposedError({
        given: 'a recorded loss that was disposed, or never ran',
        expected: 'a recording that is still there',
        remedy: 'Evaluate it before it is disposed.',
      });
    }
    return isolated(() => tf.tidy(() => this.#run(loss)));
  }

  /** Frees what was retained. */
  dispose(): void {
    tf.dispose([...this.#retained.values()]);
    this.#retained.clear();
    this.#ran = [];
    this.#loss = undefined;
  }

  #run(loss: tf.Tensor): tf.Scalar {
    const values = new Map(this.#retained);
    for (const { kernel, inputs, isList, attrs, outputs } of this.#ran) {
      const given = inputs.map(([name, x]) => [name, values.get(x.id) ?? x] as const);
      const again = Object.fromEntries(given);
      const result = isList
        ? runOnList(
            kernel,
            given.map(([, x]) => x),
            attrs,
          )
        : engine().runKernel(kernel, again, attrs);
      const results = [result].flat();
      outputs.forEach((id, i) => {
        values.set(id, results[i]!);
      });
    }
    // A loss that depends on nothing that moves is what it was.
    return (values.get(loss.id) ?? loss).clone() as tf.Scalar;
  }

  #during<T>(f: () => T): T {
    const e = engine();
    const restore = restorer(e, ['runKernel']);
    const { runKernel } = e;
    const note = (kernel: string, inputs: Record<string, tf.Tensor>, attrs: tf.NamedAttrMap) =>
      this.#note(kernel, inputs, attrs);
    // A kernel that runs others is noted as one.
    let depth = 0;
    e.runKernel = function (kernel, inputs, givenAttrs = {}) {
      if (depth > 0) return runKernel.call(this, kernel, inputs, givenAttrs);
      const attrs = withOwnLists(givenAttrs);
      depth++;
      try {
        const noted = note(kernel, inputs, attrs);
        const result = runKernel.call(this, kernel, inputs, attrs);
        noted?.([result].flat());
        return result;
      } finally {
        depth--;
      }
    };
    try {
      return f();
    } finally {
      restore();
    }
  }

  /** Notes a kernel that depends on trainable variables; what is returned takes its outputs. */
  #note(kernel: string, inputs: Record<string, tf.Tensor>, attrs: tf.NamedAttrMap) {
    const found = Object.entries(inputs).filter(([, x]) => x != null);
    for (const [, x] of found) {
      if (x instanceof tf.Variable && x.trainable) this.#depends.add(x.id);
    }
    if (!found.some(([, { id }]) => this.#depends.has(id))) return undefined;
    const given = found.map(([name, x]) => [name, this.#standIn(x)] as const);
    for (const [, x] of given) {
      if (this.#depends.has(x.id) || this.#retained.has(x.id)) continue;
      this.#retained.set(
        x.id,
        isolated(() => tf.keep(x.clone())),
      );
    }
    return (outputs: tf.Tensor[]) => {
      for (const { id } of outputs) this.#depends.add(id);
      this.#ran.push({
        ...{ kernel, attrs, inputs: given, isList: Array.isArray(inputs) },
        outputs: outputs.map(({ id }) => id),
      });
    };
  }

  /** A tensor as it was used: a copy where it had other numbers before, as a variable that the loss assigns. */
  #standIn(x: tf.Tensor): tf.Tensor {
    const before = this.#retained.get(x.id);
    if (before === undefined || before.dataId === x.dataId) return x;
    const now = isolated(() => tf.keep(x.clone()));
    this.#retained.set(now.id, now);
    return now;
  }

  /** Forgets what does not lead to the loss, such as a metric, or a moving average. */
  #keepPath(loss: tf.Scalar): void {
    this.#loss = loss;
    if (!this.#depends.has(loss.id)) this.#retained.set(loss.id, tf.keep(loss.clone()));
    const needed = new Set([loss.id]);
    this.#ran = this.#ran
      .toReversed()
      .filter(({ inputs, outputs }) => {
        const leads = outputs.some((id) => needed.has(id));
        if (leads) for (const [, { id }] of inputs) needed.add(id);
        return leads;
      })
      .toReversed();
    for (const [id, x] of this.#retained) {
      if (needed.has(id)) continue;
      x.dispose();
      this.#retained.delete(id);
    }
  }
}
