import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { compareLessons } from './lite-served';

/**
 * All lessons of the course in a page, by *Run all*, against their stored outputs. With `FULL=1`;
 * `LESSONS=04,05` takes some of them.
 */

const chosen = process.env.LESSONS?.split(',');
const names = readdirSync(join(__dirname, '..', 'notebooks')).filter((name) =>
  /^\d.*\.ipynb$/.test(name),
);

compareLessons(
  'all lessons in a page',
  chosen?.flatMap((start) => names.filter((name) => name.startsWith(`${start}-`))) ?? names,
);
