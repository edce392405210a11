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

describe('the two homes of the course', () => {
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
      Same<typeof import('./node/clock'), typeof import('./browser/clock')>,
      Same<typeof import('./node/course'), typeof import('./browser/course')>,
      Same<typeof import('./node/data'), typeof import('./browser/data')>,
      Same<typeof import('./node/display'), typeof import('./browser/display')>,
      Same<typeof import('./node/environment'), typeof import('./browser/environment')>,
      Same<typeof import('./node/files'), typeof import('./browser/files')>,
      Same<typeof import('./node/memory'), typeof import('./browser/memory')>,
      Same<typeof import('./node/plotly'), typeof import('./browser/plotly')>,
      Same<typeof import('./node/stock'), typeof import('./browser/stock')>,
      Same<typeof import('./node/storage'), typeof import('./browser/storage')>,
      Same<typeof import('./node/terminal'), typeof import('./browser/terminal')>,
    ] = Array(11).fill(true) as never;
    expect(checked).toHaveLength(11);
    // The picture's `Plot` is an element of jsdom in Node.js alone.
    expect([...shared].sort()).toHaveLength(checked.length + 1);
  });
});
