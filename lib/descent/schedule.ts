import { InputError } from '../errors';
import { checkNoMore, checkOptionNames, phrase, quoted, shown } from '../options';

/** How a step size changes from step to step: a plain record, so that it can be saved. */
export type Schedule =
  | { readonly name: 'constant' }
  | { readonly name: 'drops'; readonly at: readonly number[]; readonly factor: number }
  | { readonly name: 'inverse-time'; readonly rate: number }
  | { readonly name: 'cosine'; readonly steps: number; readonly floor: number }
  | { readonly name: 'warm-up'; readonly steps: number; readonly next: Schedule };

/** A number for each step t = 0, 1, …; it cannot be saved with a model, as a {@link Schedule} can. */
export type PerStep = (t: number) => number;

/**
 * Multiplies the step size by `factor` at each of the steps `at`, counted from 0. Default ½.
 *
 * @throws InputError for steps that are not whole numbers of at least 0, or a factor that is not positive.
 */
export function drops(at: readonly number[], factor = 0.5): Schedule {
  checkNoMore('drops', arguments, 2);
  const counted = Array.isArray(at) && at.every((step) => Number.isInteger(step) && step >= 0);
  if (!counted || !(Number.isFinite(factor) && factor > 0)) {
    throw new InputError({
      given: `drops(${counted ? `[${at}]` : phrase(at)}, ${shown(factor)})`,
      expected: 'steps that are whole numbers, and a positive factor',
      remedy: 'Count the steps from 0: drops([15000]) halves the step size from step 15,000 on.',
    });
  }
  return { name: 'drops', at: [...at], factor };
}

/**
 * The step size over `1 + rate · t` at step t.
 *
 * @throws InputError for a rate that is not finite or negative.
 * @see Robbins & Monro, [A stochastic approximation
 *   method](https://doi.org/10.1214/aoms/1177729586), 1951.
 */
export function inverseTime(rate: number): Schedule {
  checkNoMore('inverseTime', arguments, 1);
  if (!(Number.isFinite(rate) && rate >= 0)) {
    throw new InputError({
      given: `inverseTime(${shown(rate)})`,
      expected: 'a finite rate of at least 0',
      remedy: 'A rate of 0.01 halves the step size after 100 steps.',
    });
  }
  return { name: 'inverse-time', rate };
}

/**
 * Half a cosine from 1 at step 0 down to `floor` at step `steps`, and `floor` from there on:
 * `floor + (1 − floor)(1 + cos πt/T)/2`. Default floor 0.
 *
 * @throws InputError unless `steps` is a positive whole number and the floor is in [0, 1].
 * @see Loshchilov & Hutter, [SGDR](https://arxiv.org/abs/1608.03983), 2017, equation 5, without
 *   restarts.
 */
export function cosine(steps: number, floor = 0): Schedule {
  checkNoMore('cosine', arguments, 2);
  const call = `cosine(${shown(steps)}, ${shown(floor)})`;
  checkSteps(call, steps);
  if (!(Number.isFinite(floor) && floor >= 0 && floor <= 1)) {
    throw new InputError({
      given: call,
      expected: 'a floor from 0 to 1, as a share of the first step size',
      remedy: 'cosine(1000, 0.1) ends at a tenth of the step size.',
    });
  }
  return { name: 'cosine', steps, floor };
}

/**
 * Factors `1/T, 2/T, …, 1` over the first T steps, then those of another schedule, counted from
 * there. Default constant.
 *
 * @throws InputError unless `steps` is a positive whole number, or for a `next` that is not a schedule:
 *   a function could not be saved.
 * @see Goyal et al., [Accurate, large minibatch SGD](https://arxiv.org/abs/1706.02677), 2017, §2.2.
 */
export function warmUp(steps: number, next: Schedule = { name: 'constant' }): Schedule {
  checkNoMore('warmUp', arguments, 2);
  checkSteps(`warmUp(${shown(steps)})`, steps);
  checkScheduleRecord(next);
  return { name: 'warm-up', steps, next };
}

/**
 * The factor of the step size at step t = 0, 1, …
 *
 * @throws InputError for a record that is not a schedule, or a function that does not return a factor.
 */
export function factorAt(schedule: Schedule | PerStep, t: number): number {
  const factor = typeof schedule === 'function' ? schedule(t) : valueAt(schedule, t);
  if (Number.isFinite(factor) && factor >= 0) return factor;
  const what = typeof schedule === 'function' ? 'function' : quoted(schedule?.name);
  throw new InputError({
    given: `the schedule ${what} at step ${t}, whose factor is ${shown(factor)}`,
    expected: 'a finite factor of at least 0',
    remedy: 'Make schedules by cosine(), warmUp(), drops() or inverseTime().',
  });
}

/**
 * Checks all of a record, which may be a user's own, also what counts in later steps only.
 *
 * @throws InputError unless it is one that a helper could have made.
 */
export function checkScheduleRecord(schedule: Schedule): void {
  if (typeof schedule === 'function' || !hasParts(schedule)) {
    throw new InputError({
      given: `${typeof schedule === 'function' ? 'a function as a schedule' : `the schedule ${quoted(schedule?.name)}`}`,
      expected: `a record whose name is one of ${Object.keys(PARTS).join(', ')}, with the parts that belong to it`,
      remedy: 'Make schedules by cosine(), warmUp(), drops() or inverseTime().',
    });
  }
  switch (schedule.name) {
    case 'drops':
      drops(schedule.at, schedule.factor);
      return;
    case 'inverse-time':
      inverseTime(schedule.rate);
      return;
    case 'cosine':
      cosine(schedule.steps, schedule.floor);
      return;
    case 'warm-up':
      warmUp(schedule.steps, schedule.next);
  }
}

/** What each record is made of, next to its name. */
const PARTS: Record<Schedule['name'], readonly string[]> = {
  constant: [],
  drops: ['at', 'factor'],
  'inverse-time': ['rate'],
  cosine: ['steps', 'floor'],
  'warm-up': ['steps', 'next'],
};

/** Whether a record, which may be a user's own, has the parts of its name, and numbers where numbers belong. */
function hasParts(schedule: Schedule): boolean {
  if (typeof schedule?.name !== 'string' || !Object.hasOwn(PARTS, schedule.name)) return false;
  checkOptionNames(`the schedule '${schedule.name}'`, schedule, PARTS[schedule.name]);
  if (PARTS[schedule.name].some((part) => !(part in schedule))) return false;
  return Object.entries(schedule).every(([part, value]: [string, unknown]) => {
    if (part === 'name' || part === 'next') return true;
    if (part !== 'at') return typeof value === 'number';
    return Array.isArray(value) && value.every((step) => typeof step === 'number');
  });
}

function valueAt(schedule: Schedule, t: number): number {
  if (!hasParts(schedule)) return Number.NaN;
  switch (schedule.name) {
    case 'constant':
      return 1;
    case 'drops':
      return schedule.factor ** schedule.at.filter((step) => step <= t).length;
    case 'inverse-time':
      return 1 / (1 + schedule.rate * t);
    case 'cosine': {
      const { steps, floor } = schedule;
      if (t >= steps) return floor;
      return floor + ((1 - floor) * (1 + Math.cos((Math.PI * t) / steps))) / 2;
    }
    case 'warm-up':
      return t < schedule.steps
        ? (t + 1) / schedule.steps
        : factorAt(schedule.next, t - schedule.steps);
  }
}

function checkSteps(given: string, steps: number): void {
  if (Number.isInteger(steps) && steps > 0) return;
  throw new InputError({
    given,
    expected: 'a positive whole number of steps',
    remedy: 'Steps are those of the optimizer: epochs times batches.',
  });
}
