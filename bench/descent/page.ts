import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { RESULTS } from './grid';

/** The line above and the line below what a part has measured, so that it can be renewed alone. */
const above = (part: string) => `<!-- ${part}: written by npm run bench -- descent ${part} -->`;
const below = (part: string) => `<!-- end of ${part} -->`;

/** Puts what a part has measured into the page of results, in place of what stood there. */
export function writePart(part: string, text: string, name = 'README.md'): void {
  mkdirSync(RESULTS, { recursive: true });
  const file = join(RESULTS, name);
  const page = existsSync(file) ? readFileSync(file, 'utf8') : '';
  const block = `${above(part)}\n\n${text.trim()}\n\n${below(part)}`;
  const [from, to] = [page.indexOf(above(part)), page.indexOf(below(part))];
  const next =
    from < 0 || to < 0
      ? `${page}${page === '' ? '' : '\n'}${block}\n`
      : page.slice(0, from) + block + page.slice(to + below(part).length);
  writeFileSync(file, next);
  console.log(`\n${text.trim()}\n\nWritten to bench/results/descent/${name}`);
}
