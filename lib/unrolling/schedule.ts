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

/**
 * The actions that walk back from state `to` to the stored state `from`: none where they are the same, and
 * otherwise at most three for each step.
 *
 * @param checkpoint default: all steps are recorded, in one action
 * @throws InputError for states that are not whole numbers of at least 0, a `to` before `from`, or a
 *   checkpoint that is none.
 */
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
  const actions: Action[] = [];
  // What is left to do, the next one last: not by calls of itself, which may be as many as steps.
  const left: (Stretch | (Action & { kind: 'free' }))[] = [{ from, to, s }];
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    if ('kind' in next) {
      actions.push(next);
      continue;
    }
    const { from, to, s } = next;
    const length = to - from;
    if (length === 1) {
      actions.push({ kind: 'reverse', from, to });
      continue;
    }
    const middle = from + (s === 1 ? length - 1 : firstPart(length, s));
    actions.push({ kind: 'advance', from, to: middle });
    left.push(
      { from, to: middle, s },
      { kind: 'free', at: middle },
      { from: middle, to, s: Math.max(s - 1, 1) },
    );
  }
  return actions;
}

/** Steps to walk back with s stored states. */
interface Stretch {
  from: number;
  to: number;
  s: number;
}

/** The least r ≥ 1 with which `C(s + r, s)` is at least that many steps. */
function repeatsFor(length: number, s: number): number {
  let [low, high] = [0, 1];
  while (binomial(s + high, s) < length) [low, high] = [high, 2 * high];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (binomial(s + middle, s) < length) low = middle;
    else high = middle;
  }
  return high;
}

/** How many of `length` steps to leave before the next snapshot, s ≥ 2 being free. */
function firstPart(length: number, s: number): number {
  const r = repeatsFor(length, s);
  // Both parts must lie between what r − 1 and r repeats can do.
  return Math.max(1, Math.min(binomial(s + r - 1, s), length - binomial(s + r - 2, s - 1)));
}

/** `C(n, k)`, 0 for k > n. */
export function binomial(n: number, k: number): number {
  if (k > n) return 0;
  const factors = Math.min(k, n - k);
  let result = 1;
  for (let i = 1; i <= factors && result < Number.POSITIVE_INFINITY; i++) {
    result = (result * (n - factors + i)) / i;
  }
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

/**
 * What the actions of a schedule cost, counted.
 *
 * @throws InputError for anything but a list of actions.
 */
export function scheduleCost(actions: readonly Action[]): ScheduleCost {
  checkNoMore('scheduleCost', arguments, 1);
  if (!Array.isArray(actions)) {
    throw new InputError({
      given: `${phrase(actions)} as the actions of a schedule`,
      expected: 'a list',
      remedy: 'Pass what schedule(from, to, checkpoint) returns.',
    });
  }
  for (const action of actions) checkAction(action);
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

function checkAction(action: Action): void {
  checkRecord(action, 'an action of a schedule');
  const { kind } = action;
  const numbers = kind === 'free' ? [action.at] : [action.from, action.to];
  const isKnown = kind === 'free' || kind === 'advance' || kind === 'reverse';
  if (isKnown && numbers.every(Number.isSafeInteger)) return;
  throw new InputError({
    given: `an action of a schedule of the kind ${shown(kind)} with the states ${numbers.map(shown)}`,
    expected:
      "{ kind: 'advance' or 'reverse', from, to } or { kind: 'free', at }, by whole numbers",
    remedy: 'Pass what schedule(from, to, checkpoint) returns.',
  });
}

/** What the schedule of T ≥ 1 steps costs, as `scheduleCost` would count it, without making it. */
export function checkpointCost(T: number, checkpoint: Checkpoint): ScheduleCost {
  if (checkpoint === 'sqrt') {
    const length = Math.ceil(Math.sqrt(T));
    const states = Math.ceil(T / length);
    return { advanced: (states - 1) * length, states, recorded: length };
  }
  requireSnapshots(checkpoint);
  const { snapshots: s } = checkpoint;
  if (T === 1) return { advanced: 0, states: 1, recorded: 1 };
  const r = repeatsFor(T, s);
  return { advanced: r * T - binomial(s + r, r - 1), states: Math.min(T, s + 1), recorded: 1 };
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
