import { readFileSync } from 'node:fs';

/*
 * `node setup/lite/table.mjs REPORT`: what `LITE_REPORT` has of lessons in a page, as a table; the last run of each.
 */

/**
 * @typedef {object} Line
 * @property {string} name
 * @property {number} seconds
 * @property {string} slowest
 * @property {string[]} failed
 * @property {number} megabytesAtEnd
 * @property {number} megabytes some seconds later
 * @property {number} [processorSeconds] of the tab, from its opening
 * @property {number} numbers
 * @property {number} differing
 * @property {string[]} words
 * @property {boolean} [smaller]
 */

/** @type {Map<string, Line>} */
const runs = new Map();
for (const text of readFileSync(process.argv[2] ?? '', 'utf8')
  .trim()
  .split('\n')) {
  /** @type {Line} */
  const line = JSON.parse(text);
  runs.set(line.name, line);
}
console.log(
  '| lesson | failed cells | numbers | of these written differently | differences in words | seconds of the processor | MB at the end | MB 20 s later |',
);
console.log('| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |');
for (const name of [...runs.keys()].sort()) {
  const {
    failed,
    numbers,
    differing,
    words,
    megabytesAtEnd,
    megabytes,
    processorSeconds = '',
    smaller,
  } = /** @type {Line} */ (runs.get(name));
  const compared = smaller ? ['claims only', ''] : [numbers.toLocaleString('en'), differing];
  const cells = [
    name.slice(0, name.indexOf('-')),
    failed.length,
    ...compared,
    words.length,
    processorSeconds,
    megabytesAtEnd,
    megabytes,
  ];
  console.log(`| ${cells.join(' | ')} |`);
}
