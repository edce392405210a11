import * as tf from '@tensorflow/tfjs';
import { ShapeError } from '../errors';
import { type NamedTensors, tensors } from '../spaces';
import { isNumber } from './candidates';
import type { Moment } from './saved-state';
import type { NamedVariables } from './variables';

/** Averages of the gradient and of its square, by name. */
export interface Moments {
  m: NamedTensors;
  v: NamedTensors;
}

/** The moments that a step starts from. */
export interface StartingMoments extends Moments {
  steps: Record<string, number>;
  /** Zeros of parameters not met before; the step's to free. */
  fresh: tf.Tensor[];
  /** Saved ones that the step takes over. */
  claimed: readonly Moment[];
}

/** The moments that Adam keeps of each parameter from step to step, by the variable itself. */
export class KeptMoments {
  readonly #kept = new Map<tf.Variable, Moment>();
  /** What a saved optimizer held, until it is given to the parameters it belongs to. */
  #saved: readonly Moment[] = [];
  /** Whether some of the saved ones have been given away. */
  #claimed = false;

  /**
   * The moments of these parameters, zero for those not met before. Changes nothing.
   *
   * @throws ShapeError where moments were saved, and are not those of these parameters.
   */
  of(parameters: NamedVariables): StartingMoments {
    const unmet = Object.entries(parameters).filter(([, variable]) => !this.#kept.has(variable));
    const claimed = this.#claim(unmet.map(([, variable]) => variable));
    const start: StartingMoments = {
      m: {},
      v: {},
      steps: {},
      fresh: [],
      claimed: [...claimed.values()],
    };
    for (const [name, variable] of Object.entries(parameters)) {
      const known = this.#kept.get(variable) ?? claimed.get(variable);
      const moment = known ?? zeros(variable);
      if (known === undefined) start.fresh.push(moment.m, moment.v);
      start.m[name] = moment.m;
      start.v[name] = moment.v;
      start.steps[name] = moment.steps;
    }
    return start;
  }

  /** Puts the moments after a step in place of those that it started from, which are freed. */
  replace(parameters: NamedVariables, { m, v }: Moments, start: StartingMoments): void {
    tensors.keep([m, v]);
    const gone = new Set(start.claimed);
    this.#claimed ||= gone.size > 0;
    this.#saved = this.#saved.filter((moment) => !gone.has(moment));
    tensors.free([start.m, start.v]);
    for (const [name, variable] of Object.entries(parameters)) {
      const steps = start.steps[name]! + 1;
      this.#kept.set(variable, { name: variable.name, m: m[name]!, v: v[name]!, steps });
    }
    this.#prune();
  }

  /** Takes back the count of a step that a GPU has undone. */
  uncount(parameters: NamedVariables): void {
    for (const variable of Object.values(parameters)) {
      const moment = this.#kept.get(variable);
      if (moment !== undefined) moment.steps -= 1;
    }
  }

  /** All moments, in the order in which the parameters were met; they stay this object's. */
  list(): readonly Moment[] {
    this.#prune();
    return [...this.#kept.values(), ...this.#saved];
  }

  /**
   * Takes over moments, those kept before are freed: for the variables met before where all are of
   * their names and shapes, else for those of the next step.
   */
  restore(moments: readonly Moment[]): void {
    this.#prune();
    const kept = [...this.#kept];
    const same =
      this.#saved.length === 0 &&
      kept.length === moments.length &&
      kept.every(([variable, { name }], i) => {
        const moment = moments[i]!;
        return name === moment.name && tf.util.arraysEqual(variable.shape, moment.m.shape);
      });
    this.dispose();
    if (!same) this.#saved = moments;
    else for (const [i, [variable]] of kept.entries()) this.#kept.set(variable, moments[i]!);
  }

  dispose(): void {
    tensors.free([...this.#kept.values(), ...this.#saved]);
    this.#kept.clear();
    this.#saved = [];
    this.#claimed = false;
  }

  /** Forgets variables that are gone. */
  #prune(): void {
    for (const [variable, moment] of this.#kept) {
      if (!variable.isDisposed) continue;
      tensors.free(moment);
      this.#kept.delete(variable);
    }
  }

  /**
   * Which saved moments belong to which variables: those of their names, or, where other names are
   * known (loading changes them, and TensorFlow.js makes names up), by their places.
   */
  #claim(variables: readonly tf.Variable[]): Map<tf.Variable, Moment> {
    const saved = this.#saved;
    if (saved.length === 0 || variables.length === 0) return new Map();
    const named = variables.map(({ name }) => {
      const found = isNumber(name) ? [] : saved.filter((moment) => moment.name === name);
      return found.length === 1 ? found[0] : undefined;
    });
    const byName = named.every((moment) => moment !== undefined);
    if (!byName && saved.length !== variables.length) {
      // The rest of what was saved belongs to another model, and these are new.
      if (this.#claimed) return new Map();
      throw notTheirs(saved, variables);
    }
    const matched = byName ? named : saved;
    const wrong = variables.find(
      ({ shape }, i) => !tf.util.arraysEqual(matched[i]!.m.shape, shape),
    );
    if (wrong !== undefined) throw notTheirs(saved, variables, wrong);
    return new Map(variables.map((variable, i) => [variable, matched[i]!]));
  }
}

const zeros = ({ name, shape }: tf.Variable): Moment => ({
  name,
  m: tf.zeros(shape),
  v: tf.zeros(shape),
  steps: 0,
});

function notTheirs(
  saved: readonly Moment[],
  variables: readonly tf.Variable[],
  wrong?: tf.Variable,
): ShapeError {
  const unfit = wrong && `, and none of shape [${wrong.shape}] for '${wrong.name}'`;
  return new ShapeError({
    given: `saved moments of ${saved.length} parameters for ${variables.length}${unfit ?? ''}`,
    expected: 'two moments for each parameter, of its shape',
    remedy: 'Restore the optimizer for the model it was saved with.',
  });
}
