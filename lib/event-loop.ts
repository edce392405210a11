/** How long work may go on before timers, drawing and input get a turn, in milliseconds. */
const SPELL = 8;

let last = performance.now();

/** Whether work that is done again and again takes long enough to be left in between; it counts as long until it is seen. */
export class Pace {
  #isLong = true;

  get isLong(): boolean {
    return this.#isLong;
  }

  /** Notes how long it took this time. */
  took(milliseconds: number): void {
    this.#isLong = milliseconds > SPELL / 4;
  }

  /** Does the work once more, by what can be left in between or in one go, which is quicker. */
  async take<T>(inTurns: () => Promise<T>, atOnce: () => T): Promise<T> {
    const began = performance.now();
    const result = this.#isLong ? await inTurns() : atOnce();
    this.took(performance.now() - began);
    return result;
  }
}

/** How much of some work is done at a time, so that timers get their turns: one at first, then as fits. */
export class Portions {
  #size = 1;

  next(left: number): number {
    return Math.min(left, this.#size);
  }

  /** Notes how long the given number took. */
  took(count: number, milliseconds: number): void {
    const fitting = Math.floor((count * SPELL) / Math.max(milliseconds, SPELL / 1000));
    this.#size = Math.max(1, Math.min(fitting, 4 * this.#size));
  }
}

/**
 * Gives the event loop a turn where the last one was more than 8 ms ago; else `undefined` at once.
 *
 * Asynchronous work awaits it wherever it can be left: a promise that is resolved already lets no
 * timer run. What is awaited elsewhere does not count as a turn, which costs at most one too many.
 */
export function giveWay(): Promise<void> | undefined {
  if (!isTurnDue()) return undefined;
  return new Promise((resolve) => {
    inNextTurn(() => {
      last = performance.now();
      resolve();
    });
  });
}

/** Whether others have waited so long for a turn that work should be left where it can be. */
export const isTurnDue = (): boolean => performance.now() - last >= SPELL;

/** Calls back in the next turn. A timer would wait 4 ms in a browser, a second in a hidden page. */
export function inNextTurn(callback: () => void): void {
  if (typeof globalThis.setImmediate === 'function') {
    globalThis.setImmediate(callback);
    return;
  }
  const { port1, port2 } = new MessageChannel();
  const message = new Promise((resolve) => {
    port1.onmessage = resolve;
  });
  // By a promise, which a kernel follows to the cell that has made it.
  void message.then(() => {
    port1.close();
    callback();
  });
  port2.postMessage(undefined);
}

/** Work that can be left for a while at each `yield`. */
export type Pausing<T> = Generator<void, T, void>;

/** Does steps of some work until they have taken long enough for a turn of others; returns how many in all. */
export function portion(from: number, count: number, step: (i: number) => void): number {
  const began = performance.now();
  let i = from;
  while (i < count) {
    step(i);
    i++;
    if (isEnough(began)) break;
  }
  return i;
}

/** Does parts of some work until they have taken long enough for a turn of others; returns whether it is done. */
export function portionOf(work: Pausing<void>): boolean {
  const began = performance.now();
  do if (work.next().done) return true;
  while (!isEnough(began));
  return false;
}

/**
 * Whether a portion that began then has taken long enough. What came before it counts, but a portion is never so
 * short that leaving would cost more than it does.
 */
function isEnough(began: number): boolean {
  const now = performance.now();
  return now - began >= SPELL || (now - last >= SPELL && now - began >= SPELL / 4);
}

/** How many short steps are taken between two looks at the clock. */
const BETWEEN_LOOKS = 4;

/** Does short steps of some work, and leaves it between them where a turn of others is due. */
export function* stepByStep(count: number, step: (i: number) => void): Pausing<void> {
  for (let i = 0; i < count; i++) {
    step(i);
    if (i % BETWEEN_LOOKS === BETWEEN_LOOKS - 1 && isTurnDue()) yield;
  }
}

/** Does work whose portions are run by `around`; where it is broken off at a pause, so is that. */
export function* inPortions<T>(
  work: Pausing<T>,
  around: (portion: () => IteratorResult<void, T>) => IteratorResult<void, T>,
): Pausing<T> {
  // Who breaks it off has no result for it.
  const open: Pausing<T | undefined> = work;
  try {
    for (;;) {
      const turn = around(() => work.next());
      if (turn.done) return turn.value;
      yield;
    }
  } finally {
    open.return(undefined);
  }
}

/** Does the work without a pause. */
export function withoutPause<T>(work: Pausing<T>): T {
  for (;;) {
    const turn = work.next();
    if (turn.done) return turn.value;
  }
}

/** Does the work, and gives timers and drawing a turn where it can be left. */
export async function withPauses<T>(work: Pausing<T>): Promise<T> {
  for (;;) {
    const turn = work.next();
    if (turn.done) return turn.value;
    const pause = giveWay();
    if (pause) await pause;
  }
}

/** The same, with a turn at its end too where one is due: what comes next may evaluate a loss at once. */
export async function finish<T>(work: Pausing<T>): Promise<T> {
  const result = await withPauses(work);
  await giveWay();
  return result;
}

/** Does work that asks for something at each `yield`; where an answer throws, so does the `yield`. */
export function driveAtOnce<Q, A, T>(work: Generator<Q, T, A>, answer: (asked: Q) => A): T {
  let turn = work.next();
  while (!turn.done) {
    let given: A;
    try {
      given = answer(turn.value);
    } catch (error) {
      turn = work.throw(error);
      continue;
    }
    turn = work.next(given);
  }
  return turn.value;
}

/** The same with answers that are waited for. */
export async function drive<Q, A, T>(
  work: Generator<Q, T, A>,
  answer: (asked: Q) => Promise<A>,
): Promise<T> {
  let turn = work.next();
  while (!turn.done) {
    let given: A;
    try {
      given = await answer(turn.value);
    } catch (error) {
      turn = work.throw(error);
      continue;
    }
    turn = work.next(given);
  }
  return turn.value;
}

/** The same of work that may also be left where it asks for nothing: timers have their turn there. */
export const driveWithPauses = <Q, A, T>(
  work: Generator<Q | undefined, T, A | undefined>,
  answer: (asked: Q) => Promise<A>,
): Promise<T> =>
  drive(work, async (asked) => {
    if (asked !== undefined) return answer(asked);
    await giveWay();
    return undefined;
  });
