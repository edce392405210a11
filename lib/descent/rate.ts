import { InputError } from '../errors';
import { phrase } from '../options';
import type { PerStep } from './schedule';

/** A learning rate δ: a number, or a function of the step t = 0, 1, … */
export type LearningRate = number | PerStep;

/** A learning rate, or `'auto'` for one that the optimizer finds by itself, as a trust region. */
export type AutoRate = LearningRate | 'auto';

export const isAuto = (rate: unknown): rate is 'auto' => rate === 'auto';

/**
 * @param tuned whether the optimizer finds its own rate, and goes on from a number alone
 * @throws InputError for what cannot be a rate.
 */
export function checkRate(rate: AutoRate, tuned?: boolean): void {
  if (tuned === undefined && isAuto(rate)) return;
  if ((typeof rate === 'function' && !tuned) || isRate(rate)) return;
  throw wrongRate(`the learning rate ${spelt(rate)}`);
}

/** @throws InputError where a function returns something else than a rate. */
export function rateAt(rate: AutoRate, t: number): number {
  const value = typeof rate === 'function' ? rate(t) : rate;
  if (isRate(value)) return value;
  throw wrongRate(`the learning rate ${spelt(value)} at step ${t}`);
}

const isRate = (value: unknown): value is number =>
  typeof value === 'number' && Number.isFinite(value) && value > 0;

const spelt = (value: unknown) => (typeof value === 'number' ? String(value) : phrase(value));

const wrongRate = (given: string) =>
  new InputError({
    given,
    expected:
      "a positive, finite number, a function of the step that returns one, or, when the optimizer is made, 'auto'",
    remedy: 'Implicit steps are stable at larger rates than explicit ones; try 0.1.',
  });
