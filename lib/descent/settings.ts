import * as tf from '@tensorflow/tfjs';
import { InputError } from '../errors';
import { shown } from '../options';

/** What TensorFlow.js itself keeps on an optimizer. */
const OWN = ['iterations_'];

/**
 * The prototype of optimizers whose settings are accessors: to assign to anything else throws, also
 * in a script that is not strict, where it would be lost without a word.
 */
export abstract class Guarded extends tf.Optimizer {}

Object.setPrototypeOf(
  Guarded.prototype,
  new Proxy(tf.Optimizer.prototype, {
    set(target, name, value, receiver) {
      if (typeof name === 'symbol' || OWN.includes(name)) {
        return Reflect.set(target, name, value, receiver);
      }
      throw new InputError({
        given: `the assignment of ${typeof value === 'object' ? 'an object' : shown(value)} to '${name}' of an optimizer`,
        expected: 'one of its settings: learningRate, or an option that its constructor takes',
        remedy: 'Look for a spelling mistake. Store your own values outside the optimizer.',
      });
    },
  }),
);

/** Makes each of these options a property of an optimizer, so that `optimizer.solver = …` counts. */
export function defineSettings(
  prototype: { readonly options: object },
  names: readonly string[],
): void {
  for (const name of names) {
    Object.defineProperty(prototype, name, {
      configurable: true,
      get(this: { options: object }) {
        return Reflect.get(this.options, name);
      },
      set(this: { options: object }, value: unknown) {
        Reflect.set(this.options, name, value);
      },
    });
  }
}

/** The options, with every change checked beforehand; `check` throws for what cannot be. */
export function watched<O extends object>(options: O, check: (next: O) => void): O {
  return new Proxy(options, {
    set(target, name, value) {
      check({ ...target, [name]: value });
      return Reflect.set(target, name, value);
    },
  });
}
