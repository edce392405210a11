import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { LastingChecker } from '../../compiler/lasting';
import { Session } from '../../compiler/session';
import { KERNEL, LIBRARIES, NOTEBOOKS, WORKER_LIBRARIES } from '../places';
import { inMemory } from './memory';

/** The declarations in a folder of this machine, as files of a page. */
function declarations(folder: string, place: string): [string, string][] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.d.ts'))
    .map((name) => [`${place}/${name}`, readFileSync(join(folder, name), 'utf8')]);
}

test('in a page, too, one checker goes on from cell to cell', () => {
  const accepts = vi.spyOn(LastingChecker.prototype, 'accepts');
  const texts = Object.fromEntries([
    ...declarations(dirname(require.resolve('typescript')), LIBRARIES),
    ...declarations(join(__dirname, '..', '..', 'compiler'), `${KERNEL}/compiler`),
  ]);
  const session = new Session({
    files: inMemory(texts),
    directory: NOTEBOOKS,
    libraries: LIBRARIES,
    kernel: KERNEL,
    nodeMajor: 22,
    lib: WORKER_LIBRARIES,
    types: [],
  });
  const run = (cell: string): boolean => {
    const { ok } = session.compile(cell);
    session.commit();
    return ok && accepts.mock.results.at(-1)!.value;
  };
  expect(run('const a = [1]')).toBe(true);
  expect(run('a.map((x) => x + 1)')).toBe(true);
  expect(run("a.push('text')")).toBe(false);
  expect(session.complete('a.', 2).matches).toContain('concat');
});
