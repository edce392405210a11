import { KeyboardInterrupt } from '../../child/interruption';
import type { Asking } from '../messages';

/**
 * Interrupts of a worker that is busy and so receives no message: it looks at memory that the page
 * shares with it, or else asks the page.
 */

/** How many beats of a loop go by between two looks. */
const LOOPS_BETWEEN_LOOKS = 1024;
const LOOPS_BETWEEN_CLOCKS = 32;

/** How often a busy cell asks the page, where no memory is shared. */
const ASK_EVERY_MS = 250;

let signals: Int32Array | undefined;
let asking: Asking | undefined;
let between = LOOPS_BETWEEN_CLOCKS;
let asked = 0;
let beats = 0;

export function listenBy(memory: SharedArrayBuffer | undefined, page: Asking | undefined): void {
  signals = memory && new Int32Array(memory);
  asking = page;
  between = signals ? LOOPS_BETWEEN_LOOKS : LOOPS_BETWEEN_CLOCKS;
}

/** To be called where a cell begins or goes on: the page is asked only when it stays busy. */
export function becomeBusy(): void {
  asked = performance.now();
}

let told = false;

/** A message has told of an interrupt: the next operation on tensors or beat throws it. */
export function tellInterrupt(): void {
  told = true;
}

/** The interrupt is over. */
export function forgetInterrupt(): void {
  told = false;
  if (signals) Atomics.store(signals, 0, 0);
}

/** Whether an interrupt was asked for; says so once. */
export function takeInterrupt(): boolean {
  if (told) {
    forgetInterrupt();
    return true;
  }
  if (signals) return Atomics.exchange(signals, 0, 0) === 1;
  return asking !== undefined && performance.now() - asked > ASK_EVERY_MS && ask(asking);
}

/** At the head of each loop of a cell. */
export function beat(): void {
  beats += 1;
  if (beats % between === 0 && takeInterrupt()) throw new KeyboardInterrupt();
}

/** Asks the page without returning to the event loop, by way of the service worker. */
function ask({ url, id }: Asking): boolean {
  try {
    const request = new XMLHttpRequest();
    request.open('POST', url, false);
    request.send(JSON.stringify({ browsingContextId: id, data: { type: 'implicit-interrupt' } }));
    return request.status === 200 && JSON.parse(request.responseText).interrupt === true;
  } catch {
    // There is no service worker: the page ends this one when an interrupt is not heard.
    asking = undefined;
    return false;
  } finally {
    asked = performance.now();
  }
}
