import { InputError } from '../errors';
import { checkCount, checkNoMore, checkOptionNames, checkRecord, phrase, shown } from '../options';

/**
 * One action of reverse mode over numbered states; state t is the one after t steps.
 *
 * - `advance`: compute state `to` from the stored state `from`, and store it.
 * - `reverse`: record the steps from the stored state `from` to state `to`, and walk back.
 * - `free`: forget the stored state `at`.
 */
export type Action =
  | { kind: 'advance'; from: number; to: number }
  | { kind: 'reverse'; from: number; to: number }
  | { kind: 'free'; at: number };

/**
 * Which states reverse mode stores, the others being computed again.
 *
 * `'sqrt'`: every √T-th, and the steps between two of them recorded at once: about 2√T in memory,
 * one more pass forward. `{ snapshots: s }`: at most s states, the one worked on and one recorded
 * step, with as few steps computed again as s allows (binomial checkpointing). Without, all steps are
 * recorded.
 */
export type Checkpoint = 'sqrt' | { snapshots: number };

/** The actions that walk back from state `to` to the stored state `from`. */
export function schedule(from: number, to: number, checkpoint?: Checkpoint): Action[] {
  checkNoMore('schedule', arguments, 3);
  checkCount(from, 'a first state of', { least: 0, remedy: 'Count in steps.' });
  checkCount(to, 'a last state of', { least: 0, remedy: 'Count in steps.' });
  if (to < from) {
    throw new InputError({
      given: `a schedule from state ${shown(from)} back from ${shown(to)}`,
      expected: 'a last state that is not before the first',
      remedy: 'States are numbered by the steps that lead to them.',
    });
  }
  if (from === to) return [];
  if (checkpoint === undefined) return [{ kind: 'reverse', from, to }];
  if (checkpoint === 'sqrt') return evenly(from, to);
  requireSnapshots(checkpoint);
  return binomially(from, to, checkpoint.snapshots);
}

/** A state stored after every `⌈√T⌉` steps. */
function evenly(from: number, to: number): Action[] {
  const length = Math.ceil(Math.sqrt(to - from));
  const starts = [from];
  while (starts[starts.length - 1]! + length < to) starts.push(starts[starts.length - 1]! + length);

  const forward = starts
    .slice(1)
    .map((start): Action => ({ kind: 'advance', from: start - length, to: start }));
  const backward = starts
    .map((start): Action[] => [
      { kind: 'reverse', from: start, to: Math.min(start + length, to) },
      ...(start === from ? [] : [{ kind: 'free', at: start } as const]),
    ])
    .reverse()
    .flat();
  return [...forward, ...backward];
}

/**
 * The fewest forward steps with s stored states, state `from` among them.
 *
 * With r repeats `C(s + r, s)` steps can be reversed; to reverse T of them, with the smallest such r,
 * `rT − C(s + r, r − 1)` steps are taken besides the T recorded ones.
 *
 * @see Griewank and Walther, [Algorithm 799: revolve](https://doi.org/10.1145/347837.347846), 2000.
 */
function binomially(from: number, to: number, s: number): Action[] {
  const length = to - from;
  if (length === 1) return [{ kind: 'reverse', from, to }];
  const middle = from + (s === 1 ? length - 1 : firstPart(length, s));
  return [
    { kind: 'advance', from, to: middle },
    ...binomially(middle, to, Math.max(s - 1, 1)),
    { kind: 'free', at: middle },
    ...binomially(from, middle, s),
  ];
}

/** How many of `length` steps to leave before the next snapshot, s ≥ 2 being free. */
function firstPart(length: number, s: number): number {
  let r = 1;
  while (binomial(s + r, s) < length) r++;
  // Both parts must lie between what r − 1 and r repeats can do.
  return Math.max(1, Math.min(binomial(s + r - 1, s), length - binomial(s + r - 2, s - 1)));
}

/** `C(n, k)`, 0 for k > n. */
export function binomial(n: number, k: number): number {
  let result = 1;
  for (let i = 1; i <= k; i++) result = (result * (n - k + i)) / i;
  return Math.round(result);
}

/** What a schedule costs. */
export interface ScheduleCost {
  /** Steps taken without being recorded. */
  advanced: number;
  /** The most states stored at one time, the first among them. */
  states: number;
  /** The most steps recorded at one time. */
  recorded: number;
}

export function scheduleCost(actions: readonly Action[]): ScheduleCost {
  checkNoMore('scheduleCost', arguments, 1);
  if (!Array.isArray(actions)) {
    throw new InputError({
      given: `${phrase(actions)} as the actions of a schedule`,
      expected: 'a list',
      remedy: 'Pass what schedule(from, to, checkpoint) returns.',
    });
  }
  for (const action of actions) checkRecord(action, 'an action of a schedule');
  const cost: ScheduleCost = { advanced: 0, states: 1, recorded: 0 };
  let states = 1;
  for (const action of actions) {
    if (action.kind === 'free') states--;
    if (action.kind === 'reverse') cost.recorded = Math.max(cost.recorded, action.to - action.from);
    if (action.kind !== 'advance') continue;
    cost.advanced += action.to - action.from;
    cost.states = Math.max(cost.states, ++states);
  }
  return cost;
}

function requireSnapshots(checkpoint: Exclude<Checkpoint, 'sqrt'>): void {
  if (typeof checkpoint === 'object' && checkpoint !== null && 'snapshots' in checkpoint) {
    checkOptionNames('a checkpoint', checkpoint, ['snapshots']);
    checkCount(checkpoint.snapshots, 'a number of snapshots of', { remedy: 'Count in steps.' });
    return;
  }
  throw new InputError({
    given: `checkpoint: ${shown(checkpoint)}`,
    expected: "'sqrt' or { snapshots }",
    remedy: 'Leave it out to record every step.',
  });
}
