import { expect, test } from 'vitest';
import { CompilationInterrupted, Compiler } from '../../compiler';
import { startCompilerThread } from './thread';

/** Takes some ten seconds. */
const LONG = `const long = [${Array.from({ length: 300_000 }, (_, i) => i).join(', ')}]`;

test('an interrupt ends a long compilation only, and loses nothing that was committed or asked', async () => {
  const compiler = new Compiler(startCompilerThread);
  await compiler.call('compile', '1');
  const short = compiler.call('compile', 'const kept: number = 1');
  compiler.interrupt();
  expect((await short).ok).toBe(true);
  await compiler.call('commit');
  const long = compiler.call('compile', LONG);
  const asked = compiler.call('completeness', 'if (kept) {');
  compiler.interrupt();
  await expect(long).rejects.toThrow(CompilationInterrupted);
  expect((await asked).status).toBe('incomplete');
  expect((await compiler.call('compile', 'kept.toFixed()')).ok).toBe(true);
  expect((await compiler.call('compile', 'long')).ok).toBe(false);
});

test('one that rests has ended, and knows at the next question what it knew', async () => {
  const log: string[] = [];
  const compiler = new Compiler(() => {
    log.push('start');
    const worker = startCompilerThread();
    return {
      ...worker,
      end() {
        log.push('end');
        worker.end();
      },
    };
  }, 50);
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
