import { type Output, textOf } from './output';

/**
 * The outputs of a lesson against those that are stored, number by number. Times are left out: those
 * with a unit, the columns of tables that are headed by one, and whatever is told of a clock.
 */
export interface Comparison {
  /** Numbers that were compared. */
  numbers: number;
  /** Those that are written differently. */
  differing: number;
  /** The largest difference of two numbers, in units of the stored one, or of the largest of its curve. */
  largest: number;
  /** Where the words differ, or outputs are missing, or a claim no longer holds. */
  words: string[];
  /** The numbers that differ most, for the reader of a report. */
  samples: string[];
}

const NUMBER = /[-−]?\d(?:[\d,]*\d)?(?:\.\d+)?(?:×10[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+|e[-+]?\d+)?|[-−]?\.\d+/g;
const TIME =
  /(?:\d+ h |\d+ min )*[\d.,]+(?:×10[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)? ?(?:µs|ms|s|min|h|seconds|minutes)\b/g;
const OF_A_CLOCK =
  /\b(?:milliseconds?|seconds?|minutes|ms|µs|times? (?:of|in|on)|processor time)\b/i;
const HEADED_BY_TIME = /\((?:µs|ms|s)\)|\b(?:seconds|milliseconds|ms|µs)\b/;
/** What a page says that runs a lesson with smaller sizes. */
const SMALLER = /^In a page, this lesson takes /;
const FIGURE = 'application/vnd.plotly.v1+json';
const WIDGET = 'application/vnd.jupyter.widget-view+json';

export function compare(outputs: readonly Output[], stored: readonly Output[]): Comparison {
  const found: Comparison = { numbers: 0, differing: 0, largest: 0, words: [], samples: [] };
  const shown = outputs.filter(isShown);
  const wanted = stored.filter(isShown);
  if (shown.length !== wanted.length) {
    found.words.push(`${shown.length} outputs, not ${wanted.length}`);
  }
  for (const [i, before] of wanted.entries()) {
    const now = shown[i];
    if (!now) break;
    compareTexts(textOf([now]), textOf([before]), found);
    compareFigures(now.data?.[FIGURE], before.data?.[FIGURE], found);
  }
  return found;
}

/** Adds up what was found in several cells. */
export function sum(parts: readonly Comparison[]): Comparison {
  const all: Comparison = { numbers: 0, differing: 0, largest: 0, words: [], samples: [] };
  for (const part of parts) {
    all.numbers += part.numbers;
    all.differing += part.differing;
    all.largest = Math.max(all.largest, part.largest);
    all.words.push(...part.words);
    all.samples.push(...part.samples);
  }
  return all;
}

/** What a page alone shows: how far it has come in fetching the digits, and where it takes a smaller size. */
const OF_A_PAGE = [/^the MNIST digits, MB: /, SMALLER];

function isShown(output: Output): boolean {
  const { data = {} } = output;
  return !(WIDGET in data) && !OF_A_PAGE.some((start) => start.test(textOf([output])));
}

/** Whether a page has run a lesson with smaller sizes: its numbers are others, and its claims hold as well. */
export const isSmaller = (outputs: readonly Output[]): boolean =>
  outputs.some((output) => SMALLER.test(textOf([output])));

/** Compares the claims alone, without their numbers: those that hold, and those that do not. */
export function compareClaims(outputs: readonly Output[], stored: readonly Output[]): Comparison {
  const [mine, wanted] = [outputs, stored].map((all) =>
    timesLeftOpen(textOf(all))
      .split('\n')
      .filter((line) => /^[✓✗] /.test(line))
      .map((line) => withoutNumbers(line.replace(/ \([^()]*\)$/, ''))),
  );
  const words = wanted!.flatMap((claim, i) =>
    mine![i] === claim ? [] : [`"${mine![i]}" in the place of "${claim}"`],
  );
  return { numbers: 0, differing: 0, largest: 0, words, samples: [] };
}

function compareTexts(now: string, before: string, found: Comparison): void {
  const [lines, wanted] = [now, before].map((text) => partsOf(timesLeftOpen(text.trimEnd())));
  if (lines!.length !== wanted!.length) {
    found.words.push(`${lines!.length} lines, not ${wanted!.length}: "${start(now)}"`);
    return;
  }
  for (const [i, line] of wanted!.entries()) compareLines(lines![i]!, line, found);
}

/** A claim about seconds may be false on this machine, and says so itself. */
const timesLeftOpen = (text: string): string =>
  text.replace(/^✗ (.*); seconds differ by machine\)$/gm, '✓ $1)');

/** Lines of a text without what a clock has said. */
function partsOf(text: string): string[] {
  const lines = text.split('\n');
  const clocked = OF_A_CLOCK.test(lines[0] ?? '');
  // The backend is that of the machine.
  if (/^(?:cpu|wasm|webgpu|tensorflow) on /.test(text)) return ['backend'];
  let columns: Column[] = [];
  return lines.map((line, i) => {
    // A table is below a rule, and ends at a blank line.
    if (/^─+$/.test(line) && i > 0) columns = columnsOf(lines[i - 1]!);
    else if (line.trim() === '') columns = [];
    else if (columns.length > 0) {
      const text = cellsOf(line, columns).join(BETWEEN_CELLS);
      return clocked ? withoutNumbers(text) : text;
    }
    const plain = line.replace(TIME, '⧖').replace(/\s+/g, ' ').replace(/[─]+/, '─');
    return clocked || OF_A_CLOCK.test(line) ? withoutNumbers(plain) : plain;
  });
}

const BETWEEN_CELLS = ' │ ';

interface Column {
  from: number;
  to: number;
  isTime: boolean;
}

/** The cells of a row without times. Two blanks are between cells; where some are empty, their places count. */
function cellsOf(line: string, columns: readonly Column[]): string[] {
  const apart = line.trim().split(/\s{2,}/);
  const cells =
    apart.length === columns.length
      ? apart
      : columns.map(({ from, to }) => line.slice(from, to).trim().replace(/\s+/g, ' '));
  return cells.map((cell, i) => (columns[i]!.isTime ? '' : cell));
}

/** Columns of a table: their heads are apart by two blanks, and are as wide as what is below. */
function columnsOf(head: string): Column[] {
  const heads = [...head.matchAll(/\S+(?: \S+)*/g)];
  // A column is to the left or to the right in its room; its cells reach at most to the next head.
  return heads.map((match, i) => {
    const from = i === 0 ? 0 : heads[i - 1]!.index + heads[i - 1]![0].length;
    const to = match.index + match[0].length;
    return { from, to: i === heads.length - 1 ? 1000 : to, isTime: HEADED_BY_TIME.test(match[0]) };
  });
}

const withoutNumbers = (text: string): string => text.replace(NUMBER, '#');

function compareLines(now: string, before: string, found: Comparison): void {
  const [cells, wanted] = [now, before].map((line) => line.split(BETWEEN_CELLS));
  if (wanted!.length > 1 && cells!.length === wanted!.length) {
    for (const [i, cell] of wanted!.entries()) compareCells(cells![i]!, cell, found, before);
    return;
  }
  if (withoutNumbers(now) !== withoutNumbers(before)) {
    found.words.push(`"${start(now)}" in the place of "${start(before)}"`);
    return;
  }
  const [mine, stored] = [now, before].map((line) => line.match(NUMBER) ?? []);
  for (const [i, text] of stored!.entries()) {
    compareNumbers(mine![i]!, text, found, before);
  }
}

/** A number in place of words such as *not reached* is a number that differs. */
function compareCells(now: string, before: string, found: Comparison, where: string): void {
  const isNumber = (text: string): boolean => withoutNumbers(text) === '#';
  if (isNumber(now) === isNumber(before)) {
    compareLines(now, before, found);
  } else {
    found.numbers += 1;
    note(found, 1, `${now}, not ${before}, in "${start(where)}"`);
  }
}

function compareNumbers(now: string, before: string, found: Comparison, where: string): void {
  found.numbers += 1;
  if (now === before) return;
  const [a, b] = [numberOf(now), numberOf(before)];
  const difference = Math.abs(a - b) / Math.abs(b || 1);
  note(found, difference, `${now}, not ${before}, in "${start(where)}"`);
}

function note(found: Comparison, difference: number, text: string): void {
  found.differing += 1;
  found.largest = Math.max(found.largest, difference);
  found.samples.push(`${(100 * difference).toPrecision(2)} %: ${text}`);
}

const POWERS = '⁰¹²³⁴⁵⁶⁷⁸⁹';

function numberOf(text: string): number {
  const plain = text
    .replace(/,/g, '')
    .replace('−', '-')
    .replace('×10', 'e')
    .replace('⁻', '-')
    .replace(/[⁰¹²³⁴⁵⁶⁷⁸⁹]/g, (digit) => String(POWERS.indexOf(digit)));
  return Number(plain);
}

interface Figure {
  data: Record<string, unknown>[];
  layout: Record<string, { title?: { text?: string } | string } | undefined>;
}

function compareFigures(now: unknown, before: unknown, found: Comparison): void {
  if (!before) return;
  if (!now) {
    found.words.push('no figure');
    return;
  }
  const [mine, stored] = [now as Figure, before as Figure];
  if (mine.data.length !== stored.data.length) {
    found.words.push(`${mine.data.length} curves, not ${stored.data.length}`);
    return;
  }
  for (const [i, trace] of stored.data.entries()) {
    for (const key of ['x', 'y', 'z']) {
      if (isTimed(stored, key)) continue;
      compareCurves(
        numbersOf(mine.data[i]![key]),
        numbersOf(trace[key]),
        `${key} of ${String(trace.name ?? i)}`,
        found,
      );
    }
  }
}

/** Whether an axis shows seconds; then no curve over it can be compared point by point. */
function isTimed({ layout }: Figure, _key: string): boolean {
  return Object.entries(layout).some(([name, axis]) => {
    if (!/^[xy]axis/.test(name)) return false;
    const title = axis?.title;
    const text = typeof title === 'string' ? title : (title?.text ?? '');
    return HEADED_BY_TIME.test(text) || OF_A_CLOCK.test(text);
  });
}

function compareCurves(
  now: readonly (number | null)[],
  before: readonly (number | null)[],
  name: string,
  found: Comparison,
): void {
  if (now.length !== before.length) {
    found.words.push(`${now.length} points, not ${before.length}: ${name}`);
    return;
  }
  const scale = before.reduce<number>((top, value) => Math.max(top, Math.abs(value ?? 0)), 0) || 1;
  for (const [i, value] of before.entries()) {
    found.numbers += 1;
    const mine = now[i]!;
    if (mine === value) continue;
    const difference = mine === null || value === null ? 1 : Math.abs(mine - value) / scale;
    note(found, difference, `${mine}, not ${value}, in ${name}, point ${i}`);
  }
}

function numbersOf(values: unknown): (number | null)[] {
  if (!Array.isArray(values)) return [];
  return values.flat(3).filter((value) => typeof value === 'number' || value === null) as (
    | number
    | null
  )[];
}

const start = (text: string): string => (text.length > 160 ? `${text.slice(0, 160)}…` : text);
