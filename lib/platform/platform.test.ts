import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

/** The modules that each home has; others of a folder are its own. */
const namesIn = (home: string) =>
  readdirSync(join(__dirname, home))
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
    .map((name) => name.slice(0, -3));
const shared = namesIn('node');

const exportsOf = async (home: string, name: string) =>
  Object.keys(await import(`./${home}/${name}.ts`)).sort();

describe('the two homes of the library', () => {
  it('have the same modules', () => {
    expect(shared.filter((name) => !namesIn('browser').includes(name))).toEqual([]);
  });

  it.each(shared)('%s has in a page what it has in Node.js', async (name) => {
    const [here, there] = await Promise.all([exportsOf('node', name), exportsOf('browser', name)]);
    expect(here.filter((member) => !there.includes(member))).toEqual([]);
  });

  it('have functions of the same types', async () => {
    // The compiler compares them: what is not assignable fails `npm run check`.
    type Same<Node, _Page extends Node> = true;
    const checked: [
      Same<typeof import('./node/blas'), typeof import('./browser/blas')>,
      Same<typeof import('./node/environment'), typeof import('./browser/environment')>,
      Same<typeof import('./node/gpu'), typeof import('./browser/gpu')>,
      Same<typeof import('./node/listeners'), typeof import('./browser/listeners')>,
      Same<typeof import('./node/machine'), typeof import('./browser/machine')>,
      Same<typeof import('./node/tensorflow'), typeof import('./browser/tensorflow')>,
      Same<typeof import('./node/threads'), typeof import('./browser/threads')>,
    ] = Array(7).fill(true) as never;
    expect(checked).toHaveLength(7);
    expect([...shared].sort()).toHaveLength(checked.length);
  });
});
