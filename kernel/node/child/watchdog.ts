import { Session } from 'node:inspector';
import { Socket } from 'node:net';
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { afterRunning, GRACE_MS, Slot } from '../../child/interruption';
import type { ToChild } from '../../child/messages';
import { DebugRelay } from './debug-relay';
import { descendants, endStarted, MARK, signal } from './processes';
import type { Spawned } from './started';
import { FROM_PARENT } from './wire';

/**
 * The thread of a child that listens to the parent. It hands messages on to the main thread, and
 * when that does not answer an interrupt because it is in a loop, terminates what runs there.
 */

/** How long the main thread may take to answer before it is taken to be in a loop. */
const PATIENCE_MS = 100;

/** How often it is looked whether the main thread has answered. */
const LOOK_MS = 5;

const port = parentPort!;
const signals = new Int32Array(workerData.signals as SharedArrayBuffer);
const inspector = new Session();
const relay = new DebugRelay();
/** What waits until each interrupt is answered: where one is not, the next cell could be what is terminated. */
let held: ToChild[] | undefined;
/** How many interrupts had been answered when the latest came. */
let earlier = 0;
let isTerminating = false;

inspector.connectToMainThread();

const socket = new Socket({ fd: FROM_PARENT, readable: true, writable: false });
let partial = '';
socket.setEncoding('utf8');
socket.on('data', (text: string) => {
  const lines = (partial + text).split('\n');
  partial = lines.pop()!;
  for (const line of lines) receive(JSON.parse(line));
});
// Without a parent there is nothing left to do.
socket.on('close', () => {
  endStarted(process.pid, process.env[MARK] ?? '');
  process.kill(process.pid, 'SIGKILL');
});
socket.on('error', () => {});

/** The processes that cells have started and do not wait for, with their cells. */
const processes = new Map<number, number>();
port.on('message', ({ pid, cell }: Spawned) => void processes.set(pid, cell));

function receive(message: ToChild): void {
  if (message.type === 'debug') relay.receive(message);
  else if (message.type === 'input' && asking()) answer(message.text);
  else if (message.type === 'interrupt') interrupt();
  else if (held) held.push(message);
  else port.postMessage(message);
}

function interrupt(): void {
  const cell = Atomics.load(signals, Slot.running);
  if (isTerminating) {
    // It is being terminated, but does not come back to JavaScript.
    if (cell !== 0) reach(cell, 'awaited');
    return;
  }
  const before = Atomics.load(signals, Slot.answered);
  earlier = before;
  Atomics.store(signals, Slot.asked, 1);
  port.postMessage({ type: 'interrupt' });
  hold();
  if (cell !== 0) reach(cell, 'started');
  const used = process.cpuUsage();
  const patience = Atomics.load(signals, Slot.tensors) === 1 ? GRACE_MS : PATIENCE_MS;
  const end = () => {
    if (isAnswered(before)) return;
    terminate();
    if (cell !== 0) reach(cell, 'awaited');
  };
  afterRunning(patience, () => {
    // One that has hardly run cannot have come to its next operation: it is given as long again.
    if (patience === GRACE_MS && hasRunSince(used) < GRACE_MS / 2) afterRunning(patience, end);
    else end();
  });
}

/** For how many milliseconds this process has used a processor since then. */
function hasRunSince(then: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(then);
  return (user + system) / 1000;
}

/** Whether the main thread has answered an interrupt since it had answered so many. */
function isAnswered(before: number): boolean {
  return Atomics.load(signals, Slot.answered) !== before;
}

/** Lets messages wait until the latest interrupt is answered and nothing is being terminated. */
function hold(): void {
  if (held) return;
  const waiting: ToChild[] = [];
  held = waiting;
  const looks = setInterval(() => {
    if (isTerminating || !isAnswered(earlier)) return;
    clearInterval(looks);
    held = undefined;
    for (const message of waiting) receive(message);
  }, LOOK_MS);
}

/** Whether the main thread waits in a call, such as `prompt`. */
function asking(): boolean {
  return Atomics.load(signals, Slot.asking) === 1;
}

function answer(text: string): void {
  (workerData.answers as MessagePort).postMessage(text);
  Atomics.store(signals, Slot.asking, 0);
  Atomics.notify(signals, Slot.asking);
}

/** How often processes were interrupted, by cell. */
const reached = { started: new Map<number, number>(), awaited: new Map<number, number>() };

/**
 * Interrupts processes of a cell as a terminal would, with a signal; those that go on are ended.
 *
 * @param kind those that it has started, or the one that it waits for in a call that does not return,
 *   such as `execSync`: its start is not reported, and no cell is known to have started it.
 */
function reach(cell: number, kind: 'started' | 'awaited'): void {
  const all = descendants(process.pid);
  const roots = all.filter((pid) => processes.get(pid) === cell);
  const pids =
    kind === 'started'
      ? roots.flatMap((pid) => [pid, ...descendants(pid)])
      : descendants(process.pid, new Set(processes.keys()));
  if (pids.length === 0) return;
  const times = reached[kind].get(cell) ?? 0;
  reached[kind].set(cell, times + 1);
  const name = (['SIGINT', 'SIGTERM'] as const)[times] ?? 'SIGKILL';
  for (const pid of pids) signal(pid, name);
}

/**
 * Until the engine reports that it has terminated something, messages wait: the one that is handled
 * next could be what it terminates. Empty messages give it something else.
 */
function terminate(): void {
  if (isTerminating) return;
  isTerminating = true;
  const pings = setInterval(() => port.postMessage({ type: 'ping' }), 20);
  inspector.post('Runtime.terminateExecution', () => {
    clearInterval(pings);
    port.postMessage({ type: 'interrupt' });
    isTerminating = false;
  });
  relay.release();
}
