import * as tf from '@tensorflow/tfjs';
import { InputError } from '../errors';
import { checkMethods, checkRecord, nameIn, phrase } from '../options';
import { spaceOf } from '../spaces';
import { type Iteration, isLibraryMethod, type Method, type Spectrum, type State } from './method';
import type { Resolve } from './setting';

/**
 * The iteration of a method; the states of one that is not of this library are looked at.
 *
 * @throws InputError for a method without an iteration; from `begin` and `step`, InputError or ShapeError
 *   for a state that is not made of vectors like x.
 */
export function iterationOf(method: Method, spectrum?: Spectrum, resolve?: Resolve): Iteration {
  checkMethods(method, 'the method', ['on']);
  const iteration = method.on(spectrum, resolve);
  if (isLibraryMethod(method)) return iteration;
  const what = `of the method ${nameIn(method)}`;
  checkMethods(iteration, `what on() ${what} returns`, ['begin', 'step']);
  return {
    begin(x) {
      const state = iteration.begin(x);
      checkState(state, x, `begin() ${what}`, ['x']);
      return state;
    },
    step(t, state, gradient, arithmetic) {
      let asks = 0;
      const counted: typeof gradient = (x) => {
        asks += 1;
        return gradient(x);
      };
      const next = iteration.step(t, state, counted, arithmetic);
      if (asks === 0) throw withoutGradient(what);
      checkState(next, state.x, `step() ${what}`, Object.keys(state));
      return next;
    },
  };
}

const withoutGradient = (what: string) =>
  new InputError({
    given: `a step() ${what} that asks for no gradient`,
    expected: 'a step by one gradient: gradient(x)',
    remedy: 'Call the function that step(t, state, gradient, arithmetic) is given.',
  });

/** @throws InputError or ShapeError unless a state has vectors like another, and under some names. */
function checkState<V>(state: State<V>, like: V, what: string, names: readonly string[]): void {
  checkRecord(state, `the state that ${what} returns`, '{ x, … }, vectors by name');
  const missing = names.find((name) => state[name] === undefined);
  if (missing !== undefined) {
    throw new InputError({
      given: `the state that ${what} returns without '${missing}'`,
      expected: `vectors under the names ${names.join(', ')}`,
      remedy: 'Return the iterate as x, and what begin() remembers under the same names.',
    });
  }
  for (const [name, value] of Object.entries(state)) {
    checkLike(value, like, `'${name}' of the state that ${what} returns`);
  }
}

/** @throws InputError or ShapeError for anything but a vector like another, of whatever kind it is. */
function checkLike<V>(value: V, like: V, what: string): void {
  if (isVector(like)) {
    spaceOf(like).check(value as typeof like, like, what);
    return;
  }
  // A step that is only written down has places for vectors.
  if (typeof like === 'number' && typeof value === 'number') return;
  if (typeof value === 'object' && value !== null && !(value instanceof Promise)) return;
  throw new InputError({
    given: `${phrase(value)} as ${what}`,
    expected: 'a vector like x',
    remedy: 'Make it from the vectors of the state by the arithmetic that step() is given.',
  });
}

/** Whether it is a vector as users have them: states may also be of vectors in a program, or with tangents. */
function isVector(x: unknown): x is Float64Array | Record<string, tf.Tensor> {
  if (x instanceof Float64Array) return true;
  if (x === null || typeof x !== 'object') return false;
  const parts = Object.values(x);
  return parts.length > 0 && parts.every((part) => part instanceof tf.Tensor);
}
