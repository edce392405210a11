import type { StepUpdates } from '../autodiff';
import { stepFormulas } from './step-formulas';
import type { TracedStep } from './trace-step';

/**
 * What a step computes of each entry, in place of the state.
 *
 * @param names of the vectors of the state
 * @returns undefined where the next state has other vectors than the one before, or the step no numbers
 */
export function stepUpdates(step: TracedStep, names: readonly string[]): StepUpdates | undefined {
  const { numbers, point, next } = step;
  if (Object.keys(next).join() !== names.join() || numbers.length === 0) return undefined;
  const state = names.length;
  const { ofState, after } = stepFormulas(step, names);
  return {
    state,
    numbers: numbers.length,
    point: point < state ? point : ofState(point),
    next: names.flatMap((name, to) =>
      next[name] === to ? [] : [{ to, formula: after(next[name]!) }],
    ),
  };
}
