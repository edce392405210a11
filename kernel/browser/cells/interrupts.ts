import { KeyboardInterrupt } from '../../child/interruption';
import type { Asking } from '../messages';

/**
 * Interrupts of a worker that is busy and so receives no message: it looks at memory that the page
 * shares with it, or else asks the page.
 */

/** The largest number of beats of a loop between two looks, */
const MOST_BEATS = 1024;
/** more and more of them while looks come faster than this, */
const QUICK_MS = 1;
/** and none once one came so late. */
const LATE_MS = 20;

/**
 * How often a busy cell asks the page, where no memory is shared. The cell waits for the answer, which takes long on a
 * machine that does much else: then it asks less often, so as not to wait more than it works.
 */
const ASK_EVERY_MS = 250;
const ASK_AT_LEAST_EVERY_MS = 1000;
const WORK_FOR_WAITING = 8;

let signals: Int32Array | undefined;
let asking: Asking | undefined;
let asked = 0;
let pause = ASK_EVERY_MS;
let looked = 0;
let allowance = 0;

export function listenBy(memory: SharedArrayBuffer | undefined, page: Asking | undefined): void {
  signals = memory && new Int32Array(memory);
  asking = page;
}

/** To be called where a cell begins or goes on: the page is asked only when it stays busy. */
export function becomeBusy(): void {
  asked = performance.now();
  leave();
}

/** A cell that has caught an interrupt and goes on for so long gets it from every beat. */
const AGAIN_MS = 300;

/** When the interrupt was thrown that is not over. */
let thrown: number | undefined;
let isInsisting = false;

let told = false;

/** A message has announced an interrupt: the next operation on tensors or beat throws it. */
export function tellInterrupt(): void {
  told = true;
}

/** The interrupt is over. */
export function forgetInterrupt(): void {
  leave();
  clear();
}

function leave(): void {
  thrown = undefined;
  isInsisting = false;
}

function clear(): void {
  told = false;
  if (signals) Atomics.store(signals, 0, 0);
}

/** Whether an interrupt is to be thrown: once, and again in a cell that has caught it. */
export function takeInterrupt(): boolean {
  // The clock is read only where it must be: on some machines that takes longer than all else here.
  if (thrown !== undefined) {
    isInsisting ||= performance.now() - thrown > AGAIN_MS;
    return isInsisting;
  }
  if (!isAsked()) return false;
  clear();
  thrown = performance.now();
  return true;
}

function isAsked(): boolean {
  if (told) return true;
  if (signals) return Atomics.exchange(signals, 0, 0) === 1;
  return asking !== undefined && performance.now() - asked > pause && ask(asking);
}

/**
 * Looks for an interrupt and throws it: at the head of loops of a cell, and of functions that may run without
 * end, once as many beats as were left have gone by.
 *
 * @returns how many may go by until the next look
 */
export function beat(): number {
  if (takeInterrupt()) throw new KeyboardInterrupt();
  const now = performance.now();
  if (now - looked < QUICK_MS) allowance = Math.min(2 * allowance + 1, MOST_BEATS);
  else if (now - looked > LATE_MS) allowance = 0;
  looked = now;
  // A cell that has caught its interrupt gets it from every beat.
  return thrown === undefined ? allowance : 0;
}

/** Asks the page without returning to the event loop, by way of the service worker. */
function ask({ url, id }: Asking): boolean {
  const began = performance.now();
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
    const waited = WORK_FOR_WAITING * (asked - began);
    pause = Math.min(Math.max(ASK_EVERY_MS, waited), ASK_AT_LEAST_EVERY_MS);
  }
}
