import { InputError } from '../errors';

/** How a step size changes from step to step: a plain record, so that it can be saved. */
export type Schedule =
  | { readonly name: 'constant' }
  | { readonly name: 'drops'; readonly at: readonly number[]; readonly factor: number }
  | { readonly name: 'inverse-time'; readonly rate: number };

/** Multiplies the step size by `factor` at each of the steps `at`, counted from 0. Default ½. */
export function drops(at: readonly number[], factor = 0.5): Schedule {
  if (!at.every((step) => Number.isInteger(step) && step >= 0) || !(factor > 0)) {
    throw new InputError({
      given: `drops([${at}], ${factor})`,
      expected: 'steps that are whole numbers, and a positive factor',
      remedy: 'Count the steps from 0: drops([15000]) halves the step size from step 15,000 on.',
    });
  }
  return { name: 'drops', at: [...at], factor };
}

/** The step size over `1 + rate · t` at step t (Robbins & Monro 1951). */
export function inverseTime(rate: number): Schedule {
  if (!(rate >= 0 && rate < Number.POSITIVE_INFINITY)) {
    throw new InputError({
      given: `inverseTime(${rate})`,
      expected: 'a finite rate of at least 0',
      remedy: 'A rate of 0.01 halves the step size after 100 steps.',
    });
  }
  return { name: 'inverse-time', rate };
}

/**
 * The factor of the step size at step t = 0, 1, …
 *
 * @throws InputError for a record that is no schedule.
 */
export function factorAt(schedule: Schedule, t: number): number {
  const factor = valueAt(schedule, t);
  if (factor >= 0 && factor < Number.POSITIVE_INFINITY) return factor;
  throw new InputError({
    given: `the schedule '${schedule.name}' at step ${t}, whose factor is ${factor}`,
    expected: 'a finite factor of at least 0',
    remedy: 'Make schedules by drops() or inverseTime().',
  });
}

function valueAt(schedule: Schedule, t: number): number {
  switch (schedule.name) {
    case 'constant':
      return 1;
    case 'drops':
      return schedule.factor ** schedule.at.filter((step) => step <= t).length;
    case 'inverse-time':
      return 1 / (1 + schedule.rate * t);
    default:
      return Number.NaN;
  }
}
