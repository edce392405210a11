import type { Step } from './steps';
import { sizeOf } from './value';

/** How long a step takes on one slow core, about, in nanoseconds; within a factor of some units. */
function costOf(step: Step): number {
  if (step.kind === 'product') return (step.m * step.n * step.k) / 16;
  if (step.kind !== 'kernel') return step.rows * step.columns;
  // Most are convolutions and pools: each entry takes part in many multiplications.
  const entries = step.inputs.reduce((sum, { shape }) => sum + sizeOf(shape), step.out.size);
  return 16 * entries;
}

/** How much is done before timers may have their turn: a few milliseconds. */
const MOST_AT_ONCE = 3e6;

/** Work that takes longer than this, in nanoseconds, is worth interrupting. */
const LONG = 1.5e7;

export const isLong = (steps: readonly Step[]): boolean =>
  steps.reduce((sum, step) => sum + costOf(step), 0) > LONG;

/** Steps in groups between which the work may be left: one group where all are quick. */
export function groupsOf(steps: readonly Step[]): { from: number; to: number }[] {
  if (!isLong(steps)) return [{ from: 0, to: steps.length }];
  const groups: { from: number; to: number }[] = [];
  let [from, sum] = [0, 0];
  steps.forEach((step, i) => {
    const cost = costOf(step);
    if (i > from && sum + cost > MOST_AT_ONCE) {
      groups.push({ from, to: i });
      [from, sum] = [i, 0];
    }
    sum += cost;
  });
  return [...groups, { from, to: steps.length }];
}
