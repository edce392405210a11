import { DisposedError } from '../errors';
import { type Pausing, withoutPause } from '../event-loop';
import type { Curvature } from './curvature';
import type { CurvatureKind } from './curvature-kind';
import { insideOf, madeOf } from './inside';
import { engine } from './tape';

let depth = 0;

/** What is left of recordings that were begun where they could be left. */
const left = new WeakMap<object, () => Pausing<Curvature>>();

/** What a curvature may have. */
const OPTIONAL = [
  'cut',
  'factors',
  'flat',
  'floor',
  'loops',
  'lossesTo',
  'lowRank',
  'space',
] as const;

/** Calls a function of a user whose curvatures need not be complete yet; `completed` does the rest in pieces. */
export function deferring<T>(f: () => T): T {
  depth++;
  try {
    return f();
  } finally {
    depth--;
  }
}

/** Whether a recording that begins now may be left; not within another one. */
export const isDeferring = (): boolean => depth > 0 && !engine().isTapeOn();

/** Does what is left of a curvature, if it was deferred; anything else stays as it is. */
export function* completed(curvature: unknown): Pausing<void> {
  if (typeof curvature !== 'object' || curvature === null) return;
  const rest = left.get(curvature);
  if (rest !== undefined) yield* rest();
}

/**
 * A curvature whose loss has been called, and whose gradient is recorded when something is asked of it.
 *
 * @param work calls the loss before it can be left
 */
export function deferredCurvature(kind: CurvatureKind, work: Pausing<Curvature>): Curvature {
  const open: Pausing<Curvature | undefined> = work;
  const first = open.next();
  if (first.done) return first.value!;
  let made: Curvature | undefined;
  let failure: unknown = disposed();
  function* rest(): Pausing<Curvature> {
    while (made === undefined) {
      let turn: IteratorResult<void, Curvature | undefined>;
      try {
        turn = open.next();
      } catch (error) {
        failure = error;
        throw error;
      }
      if (!turn.done) yield;
      // Where it was ended, or has failed before, there is nothing.
      else if (turn.value === undefined) throw failure;
      else made = turn.value;
    }
    return made;
  }
  const whole = () => withoutPause(rest());
  const H: Curvature = {
    kind,
    get execution() {
      return whole().execution;
    },
    get value() {
      return whole().value;
    },
    get gradient() {
      return whole().gradient;
    },
    apply: (v) => whole().apply(v),
    transpose: (v) => whole().transpose(v),
    *applyInPieces(v) {
      return yield* (yield* rest()).applyInPieces(v);
    },
    rowSpace: (products) => whole().rowSpace(products),
    *rowSpaceInPieces(products) {
      return yield* (yield* rest()).rowSpaceInPieces(products);
    },
    dispose() {
      open.return(undefined);
      made?.dispose();
    },
  };
  for (const name of OPTIONAL) {
    Object.defineProperty(H, name, { get: () => whole()[name], enumerable: true });
  }
  left.set(H, rest);
  return madeOf(H, () => insideOf(whole())!());
}

const disposed = () =>
  new DisposedError({
    given: 'a disposed curvature',
    expected: 'a live curvature',
    remedy: 'Record again, or dispose later.',
  });
