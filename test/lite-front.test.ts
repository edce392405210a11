import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { frontPage } from '../setup/lite/front-page.mjs';

/** The page that the course in a browser opens with, made from that of an installed course. */

const folder = join(__dirname, '..', 'notebooks');
const page = frontPage(readFileSync(join(folder, 'README.md'), 'utf8'));

test('names nothing that only an installed course has', () => {
  expect(page).not.toMatch(/\b(npm|npx|terminal|checkout)\b/);
  expect(page).toContain("| `await check('ift-01', mine)` | is it right");
  expect(page).toContain('*File → Download*');
});

test('leads to notebooks alone, all of which are there', () => {
  const links = [...page.matchAll(/\]\(([^)#]+)/g)].map(([, link]) => link!);
  expect(links.length).toBeGreaterThan(30);
  for (const link of links) {
    expect(link).toMatch(/\.ipynb$/);
    expect(existsSync(join(folder, link)), link).toBe(true);
  }
});

test('a page that no longer says what is replaced is refused', () => {
  expect(() => frontPage('# The course\n')).toThrow('notebooks/README.md says nothing like');
});
