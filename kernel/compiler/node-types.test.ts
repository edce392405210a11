import { expect, test } from 'vitest';
import { leaveOutOfQuickRun } from '../../test/needs';
import { onDisk } from '../node/compiler/disk';
import { globalsOfNode } from './node-types';
import { Session } from './session';

leaveOutOfQuickRun();

/** Whether the types of Node.js were read, after these cells. */
function read(session: Session): boolean {
  // Nothing else offers the members of `process` without being asked for it.
  return Reflect.get(Reflect.get(session, 'project'), 'hasNodeTypes');
}

function fresh(): Session {
  return new Session(onDisk(process.cwd()));
}

test('a cell of the language and console needs no types of Node.js', () => {
  const session = fresh();
  for (const cell of ['const a = [1, 2].map((x) => x + 1)', 'console.log(a.at(-1))', 'a.length']) {
    expect(session.compile(cell).ok).toBe(true);
    session.commit();
  }
  expect(read(session)).toBe(false);
  expect(session.compile('console.log(a).nothing').ok).toBe(false);
});

test.each([
  'process.exitCode',
  "import { readFileSync } from 'node:fs'; readFileSync('a', 'utf8').length",
  'Error.captureStackTrace(new Error())',
  "(await import('node:os')).cpus().length",
])('what Node.js has is typed when it is asked for: %s', (cell) => {
  const session = fresh();
  expect(session.compile(cell)).toMatchObject({ ok: true });
  expect(read(session)).toBe(true);
  const { diagnostics } = session.compile('process.exitCode = {}') as { diagnostics?: unknown[] };
  expect(diagnostics).toHaveLength(1);
});

test('an error that a cell expects is one with all types', () => {
  const { ok } = fresh().compile('// @ts-expect-error\nsetTimeout(() => 0, 1).ref()');
  expect(ok).toBe(false);
});

test('completion offers the globals of Node.js and their members before any cell has used them', () => {
  const session = fresh();
  expect(session.complete('proc', 4).matches).toContain('process');
  expect(session.complete('Buf', 3).matches).toContain('Buffer');
  expect(read(session)).toBe(false);
  expect(session.complete('process.exitC', 13).matches).toContain('exitCode');
  expect(session.inspect('process', 3)).toContain('Process');
});

test('nothing of the language counts as of Node.js', () => {
  const names = globalsOfNode();
  for (const name of ['Array', 'Math', 'console', 'Intl', 'globalThis', 'eval', 'NaN']) {
    expect(names).not.toContain(name);
  }
  for (const name of [
    'process',
    'Buffer',
    'URL',
    'fetch',
    'performance',
    'setTimeout',
    'require',
  ]) {
    expect(names).toContain(name);
  }
});
