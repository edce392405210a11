import * as tf from '@tensorflow/tfjs';
import { InputError } from '../errors';
import { phrase } from '../options';
import { type Coefficient, Learned, numberOf, times } from './learned';

/**
 * A setting of a method: a rate, a momentum, a β. A number; or one for each step, from the first on; or
 * a function of learned hyperparameters, in `unrolled({ method: (λ) => … })`: a tensor of
 * rank 0, or of rank 1 with a number for each step, or `Learned` numbers.
 */
export type Setting = number | readonly number[] | tf.Tensor | Learned | readonly Learned[];

/** Where a learned tensor is replaced by its numbers. */
export type Resolve = (setting: tf.Tensor) => readonly Learned[];

/** Whether a value is a setting, and no record of them. */
export const isSetting = (x: unknown): x is Setting =>
  typeof x === 'number' || x instanceof Learned || x instanceof tf.Tensor || Array.isArray(x);

/** The tensors among some settings. */
export const tensorsAmong = (settings: readonly unknown[]): tf.Tensor[] =>
  settings.filter((setting): setting is tf.Tensor => setting instanceof tf.Tensor);

/**
 * Checks what can be checked before the numbers of a tensor are known.
 *
 * @throws InputError for anything but a setting, and for a number that `check` refuses.
 */
export function checkSetting(
  setting: unknown,
  what: string,
  check: (value: number, before: string) => void,
): asserts setting is Setting {
  if (setting instanceof tf.Tensor) {
    if (setting.dtype === 'float32' && setting.rank <= 1 && setting.size > 0) return;
    throw new InputError({
      given: `${what} that is a ${setting.dtype} tensor of shape [${setting.shape}]`,
      expected: 'a float32 tensor of shape [], or of shape [T] with a number for each of T steps',
      remedy: 'Take it out of λ, or compute it from λ by operations on tensors.',
    });
  }
  const list = Array.isArray(setting) ? setting : [setting];
  if (list.length > 0 && list.every((one) => typeof one === 'number' || one instanceof Learned)) {
    for (const one of list as Coefficient[]) check(numberOf(one), `${what} of`);
    return;
  }
  throw new InputError({
    given: `${phrase(setting)} as ${what}`,
    expected: 'a number, a number for each step, or a learned value',
    remedy: 'With unrolled({ method: (λ) => … }) a setting can be made of λ.',
  });
}

/**
 * The coefficient of step t = 1, 2, …
 *
 * @throws InputError, when asked, for a step beyond the list or a learned number out of range.
 */
export function coefficients(
  setting: Setting,
  what: string,
  check: (value: number, before: string) => void,
  resolve: Resolve = unresolved,
): (t: number) => Coefficient {
  if (!(setting instanceof tf.Tensor)) return at(setting, what);
  const numbers = resolve(setting);
  for (const { value } of numbers) check(value, `a learned ${what.replace(/^an? /, '')} of`);
  return at(setting.rank === 0 ? numbers[0]! : numbers, what);
}

function at(
  setting: Coefficient | readonly Coefficient[],
  what: string,
): (t: number) => Coefficient {
  if (typeof setting === 'number' || setting instanceof Learned) return () => setting;
  return (t) => {
    const one = setting[t - 1];
    if (one !== undefined) return one;
    throw new InputError({
      given: `step ${t} with ${what} for ${setting.length} steps`,
      expected: 'a number for every step',
      remedy: 'Give as many as there are steps, or one for all.',
    });
  };
}

/** `Π_{i ≤ t} cᵢ`, each product computed once: βᵗ, where β may change from step to step. */
export function products(coefficient: (t: number) => Coefficient): (t: number) => Coefficient {
  const known: Coefficient[] = [1];
  return (t) => {
    for (let i = known.length; i <= t; i++) known.push(times(known[i - 1]!, coefficient(i)));
    return known[t]!;
  };
}

function unresolved(): never {
  throw new InputError({
    given: 'a method with a setting that is a tensor',
    expected: 'numbers',
    remedy:
      'Settings are learned by unrolled({ method: (λ) => …, steps }); elsewhere give numbers.',
  });
}
