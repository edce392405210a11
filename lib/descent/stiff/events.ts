import { InputError, NotFiniteError } from '../../errors';
import { checkOptionNames, phrase, shown } from '../../options';

/**
 * Something that happens where a function of the solution crosses 0: where it was on one side before. One
 * that is 0 at the start has not happened there.
 */
export interface OdeEvent {
  /** The function of the state and the time; a number, not NaN. */
  value(y: Float64Array, t: number): number;
  /** Which crossings count: from below, from above, or both (default). */
  direction?: 'up' | 'down' | 'both';
  /** Whether the integration ends there. Default false. */
  ends?: boolean;
}

/** An event that happened. */
export interface Occurrence {
  /** Which of the events, from 0. */
  event: number;
  /** When, to the last digits of t. */
  t: number;
  /** The state then. */
  y: Float64Array;
}

/** Parts of a step in which a crossing is looked for: two in one part cancel and are missed. */
const PARTS = 8;

/** The events in a step, in the order of time, up to the first one that ends the integration. */
export function occurrencesIn(
  events: readonly OdeEvent[],
  from: number,
  to: number,
  at: (t: number) => Float64Array,
): Occurrence[] {
  const found: Occurrence[] = [];
  events.forEach((given, event) => {
    const { direction = 'both' } = given;
    // As its method: an event may be an object of a class.
    const g = (t: number) => checkedValue(given.value(at(t), t), event);
    let [left, gLeft] = [from, g(from)];
    for (let k = 1; k <= PARTS; k++) {
      const right = k === PARTS ? to : from + ((to - from) * k) / PARTS;
      const gRight = g(right);
      const rises = gLeft < 0 && gRight >= 0;
      const falls = gLeft > 0 && gRight <= 0;
      if ((rises && direction !== 'down') || (falls && direction !== 'up')) {
        const t = crossing(g, left, right, gLeft);
        found.push({ event, t, y: at(t) });
      }
      [left, gLeft] = [right, gRight];
    }
  });
  found.sort((a, b) => a.t - b.t);
  const last = found.findIndex(({ event }) => events[event]!.ends);
  return last < 0 ? found : found.slice(0, last + 1);
}

/** @throws InputError or NotFiniteError for anything but a number, whose sign would mean nothing. */
function checkedValue(value: unknown, event: number): number {
  if (typeof value === 'number' && !Number.isNaN(value)) return value;
  const parts = {
    given: `${shown(value)} as the value of event ${event}`,
    expected: 'a number, which is 0 where the event happens',
    remedy: 'Return a number for each state on the way.',
  };
  throw typeof value === 'number' ? new NotFiniteError(parts) : new InputError(parts);
}

/** Where g changes its sign, to the last digits of t: the first time at which it has. */
function crossing(g: (t: number) => number, from: number, to: number, gFrom: number): number {
  let [left, right] = [from, to];
  for (;;) {
    const middle = left + (right - left) / 2;
    if (!(middle > left && middle < right)) return right;
    const value = g(middle);
    if (value === 0) return middle;
    if (value < 0 === gFrom < 0) left = middle;
    else right = middle;
  }
}

/** @throws InputError unless it is an array of events. */
export function checkEvents(name: string, events: readonly OdeEvent[]): void {
  const sound =
    Array.isArray(events) &&
    events.every((event) => {
      const { value, direction = 'both', ends = false } = event ?? {};
      const isKnown = ['up', 'down', 'both'].includes(direction) && typeof ends === 'boolean';
      return typeof value === 'function' && isKnown;
    });
  if (!sound) {
    throw new InputError({
      given: `${name} with ${phrase(events)} as events${Array.isArray(events) ? ', one of which is not an event' : ''}`,
      expected:
        "an array of { value: (y, t) => number, direction?: 'up' | 'down' | 'both', ends?: boolean }",
      remedy: 'An event happens where its value crosses 0.',
    });
  }
  for (const event of events) checkOptionNames('an event', event, ['value', 'direction', 'ends']);
}
