import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { leaveOutOfQuickRun } from '../../../test/needs';
import { CompilationInterrupted, Compiler } from '../../compiler';
import { restOfCompilers } from '../rest';
import { startCompilerThread } from './thread';

leaveOutOfQuickRun();

afterEach(() => {
  vi.useRealTimers();
});

test('an interrupt ends a long compilation only, and loses nothing that was committed or asked', async () => {
  // Only by this clock is one long: on a busy machine any may be.
  vi.useFakeTimers({ toFake: ['setTimeout'] });
  const compiler = new Compiler(startCompilerThread);
  await compiler.call('compile', '1');
  const short = compiler.call('compile', 'const kept: number = 1');
  compiler.interrupt();
  expect((await short).ok).toBe(true);
  await compiler.call('commit');
  const long = compiler.call('compile', 'const long = 1');
  const asked = compiler.call('completeness', 'if (kept) {');
  compiler.interrupt();
  vi.advanceTimersByTime(1000);
  await expect(long).rejects.toThrow(CompilationInterrupted);
  expect((await asked).status).toBe('incomplete');
  expect((await compiler.call('compile', 'kept.toFixed()')).ok).toBe(true);
  expect((await compiler.call('compile', 'long')).ok).toBe(false);
  compiler.stop();
});

/** Starts threads, and notes in a log when each starts and ends. */
const notedIn = (log: string[]) => () => {
  log.push('start');
  const worker = startCompilerThread();
  return {
    ...worker,
    end() {
      log.push('end');
      worker.end();
    },
  };
};

test('one that rests has ended, and knows at the next question what it knew', async () => {
  const log: string[] = [];
  const compiler = new Compiler(notedIn(log), { afterMs: () => 50, take() {}, onTaken() {} });
  try {
    expect((await compiler.call('compile', 'const kept: number = 1')).ok).toBe(true);
    // The cell runs: what is not committed yet would be lost.
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(log).toEqual(['start']);
    await compiler.call('commit');
    await expect.poll(() => log).toEqual(['start', 'end']);
    // An interrupt has nothing to end.
    compiler.interrupt();
    const [wrong, right] = [
      compiler.call('compile', 'kept.nothing'),
      compiler.call('compile', 'kept.toFixed()'),
    ];
    expect((await wrong).ok).toBe(false);
    expect((await right).ok).toBe(true);
    expect(log).toEqual(['start', 'end', 'start']);
  } finally {
    compiler.stop();
  }
});

test('those who take turns rest when another one is asked, and not before a cell is done', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'turns-'));
  const file = join(folder, 'implicit-kernel-turn');
  vi.stubEnv('IMPLICIT_KERNEL_REST_SECONDS', '600');
  vi.stubEnv('JUPYTER_RUNTIME_DIR', folder);
  const log: string[] = [];
  const compiler = new Compiler(notedIn(log), restOfCompilers());
  try {
    expect((await compiler.call('compile', 'const kept = 1')).ok).toBe(true);
    expect(readFileSync(file, 'utf8')).toBe(`${process.pid}\n`);
    writeFileSync(file, 'another\n');
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(log).toEqual(['start']);
    await compiler.call('commit');
    await expect.poll(() => log).toEqual(['start', 'end']);
    expect((await compiler.call('compile', 'kept.toFixed()')).ok).toBe(true);
    expect(log).toEqual(['start', 'end', 'start']);
    expect(readFileSync(file, 'utf8')).toBe(`${process.pid}\n`);
  } finally {
    compiler.stop();
    vi.unstubAllEnvs();
    rmSync(folder, { recursive: true });
  }
});
