import { Session } from 'node:inspector';
import { Socket } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';
import { GRACE_MS, Slot } from './interruption';
import type { ToChild } from './messages';
import { FROM_PARENT } from './wire';

/**
 * The thread of a child that listens to the parent. It hands messages on to the main thread, and
 * when that does not answer an interrupt because it is in a loop, terminates what runs there.
 */

/** How long the main thread may take to answer before it is taken to be in a loop. */
const PATIENCE_MS = 100;

const port = parentPort!;
const signals = new Int32Array(workerData.signals as SharedArrayBuffer);
const inspector = new Session();
let held: ToChild[] | undefined;

inspector.connectToMainThread();

const socket = new Socket({ fd: FROM_PARENT, readable: true, writable: false });
let partial = '';
socket.setEncoding('utf8');
socket.on('data', (text: string) => {
  const lines = (partial + text).split('\n');
  partial = lines.pop()!;
  for (const line of lines) receive(JSON.parse(line));
});
// Without a parent there is nobody to work for.
socket.on('close', () => process.kill(process.pid, 'SIGKILL'));
socket.on('error', () => {});

function receive(message: ToChild): void {
  if (held) held.push(message);
  else if (message.type === 'interrupt') interrupt();
  else port.postMessage(message);
}

function interrupt(): void {
  const before = Atomics.load(signals, Slot.answered);
  Atomics.store(signals, Slot.asked, 1);
  port.postMessage({ type: 'interrupt' });
  const patience = Atomics.load(signals, Slot.tensors) === 1 ? GRACE_MS : PATIENCE_MS;
  setTimeout(() => {
    if (Atomics.load(signals, Slot.answered) === before) terminate();
  }, patience);
}

/**
 * Until the engine says that it has terminated something, messages wait: the one that is handled
 * next could be what it terminates. Empty messages give it something else.
 */
function terminate(): void {
  if (held) return;
  held = [];
  const pings = setInterval(() => port.postMessage({ type: 'ping' }), 20);
  inspector.post('Runtime.terminateExecution', () => {
    clearInterval(pings);
    port.postMessage({ type: 'interrupt' });
    const waiting = held!;
    held = undefined;
    for (const message of waiting) receive(message);
  });
}
