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
