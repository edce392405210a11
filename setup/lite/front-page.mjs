import { SetupError } from '../step.mjs';

/**
 * What the page that is shown first says of an installed course, and what of a course in a page.
 *
 * @type {[from: RegExp, to: string][]}
 */
const INSTEAD = [
  [
    /^Start with `npm start`.*$/m,
    'Every lesson runs in this page, on your own machine: nothing is installed, and nothing that you write is sent anywhere. It stays in this browser; *File → Download* saves a notebook.',
  ],
  [
    /^Your progress is kept in .*$/m,
    'Your progress is kept in this browser, and nowhere else. A new version of the course is put beside a notebook that you have changed, and never overwrites it.',
  ],
  // Of the three columns of commands, a page has no terminal.
  [
    /^\| in a cell \| in a terminal \| \|\n\| --- \| --- \| --- \|$/m,
    '| in a cell | |\n| --- | --- |',
  ],
  [/^\| \| `npx .*\n/gm, ''],
  [/^(\| `await [^|]*\|)[^|]*\|/gm, '$1'],
  // How to teach with it, and how it is made, is for those who have the files.
  [/^## Teaching with it\n[\s\S]*/m, ''],
];

/**
 * The course's front page as it stands in a page.
 *
 * @param {string} text that of an installed course
 */
export function frontPage(text) {
  return INSTEAD.reduce((page, [from, to]) => {
    const changed = page.replace(from, to);
    if (changed === page) throw new SetupError(`notebooks/README.md says nothing like ${from}.`);
    return changed;
  }, text);
}
