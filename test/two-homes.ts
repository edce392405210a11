import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

/** The modules of a home; tests are not among them. */
const modulesIn = (folder: string) =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
    .map((name) => name.slice(0, -3))
    .sort();

const exportsOf = async (file: string) => Object.keys(await import(file)).sort();

/**
 * Tests that a page has whatever a folder's `node/` has, in its `browser/`: the modules and their exports.
 *
 * @returns the modules of `node/`
 */
export function testTwoHomes(folder: string): readonly string[] {
  const [node, browser] = [join(folder, 'node'), join(folder, 'browser')];
  const modules = modulesIn(node);

  it('have the same modules', () => {
    expect(modules.filter((name) => !modulesIn(browser).includes(name))).toEqual([]);
  });

  it.each(modules)('%s has in a page what it has in Node.js', async (name) => {
    const [here, there] = await Promise.all(
      [node, browser].map((home) => exportsOf(join(home, `${name}.ts`))),
    );
    expect(here!.filter((member) => !there!.includes(member))).toEqual([]);
  });
  return modules;
}

/** A type that the compiler accepts where a page's module can stand for that of Node.js. */
export type Same<Node, _Page extends Node> = true;
