import { type ChildProcess, spawn } from 'node:child_process';
import type { Writable } from 'node:stream';
import { afterEach, expect, test } from 'vitest';
import { Slot } from '../../child/interruption';
import { BOOT, WATCHDOG } from '../paths';
import { FROM_PARENT } from './wire';

/** A main thread that runs nothing, and answers no interrupt before a second has gone by. */
const MAIN = `
  const { MessageChannel, Worker } = require('node:worker_threads');
  const signals = new Int32Array(new SharedArrayBuffer(20));
  const { port1: answers } = new MessageChannel();
  const workerData = { entry: ${JSON.stringify(WATCHDOG)}, signals: signals.buffer, answers };
  const watchdog = new Worker(${JSON.stringify(BOOT)}, { workerData, transferList: [answers] });
  watchdog.on('message', ({ type }) => {
    if (type === 'interrupt') setTimeout(() => Atomics.add(signals, ${Slot.answered}, 1), 1000);
    if (type === 'comm') console.log('handed on after ' + Atomics.load(signals, ${Slot.answered}) + ' answers');
  });
  watchdog.on('online', () => console.log('ready'));`;

let child: ChildProcess | undefined;
afterEach(() => void child?.kill('SIGKILL'));

test('what comes after an interrupt waits for its answer, also where what ran is terminated first', async () => {
  child = spawn(process.execPath, ['--require', require.resolve('tsx/cjs'), '-e', MAIN], {
    stdio: ['ignore', 'pipe', 'inherit', 'pipe', 'pipe', 'pipe'],
  });
  let said = '';
  child.stdout!.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  await expect.poll(() => said).toContain('ready');
  const pipe = child.stdio[FROM_PARENT] as Writable;
  pipe.write('{"type":"interrupt"}\n{"type":"comm"}\n');
  await expect.poll(() => said).toContain('answers');
  expect(said).toMatch(/handed on after [1-9]/);
});
