import { existsSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';
import { pathToFileURL } from 'node:url';

const ROOT = dirname(__dirname);

/** Files of the kernel: compiled code that is kept may name the folder that it was compiled in. */
const KERNEL = /[\\/]((?:bin|child|compiler|protocol|server)[\\/][\w-]+)\.(?:ts|cjs):\d/;

const LOADER = /[\\/]node_modules[\\/]tsx[\\/]dist[\\/]/;

const ANY_FRAME = /(?:^|\n)[ \t]+at /;
const FRAME = /^[ \t]+at /;

/** Where the files of cells would be, by path and by URL. */
const FOLDERS = [
  `${process.cwd()}${sep}`.replace(/([\\/])+$/, '$1'),
  `${pathToFileURL(process.cwd()).href}/`,
];

const CELL = new RegExp(
  `(?:${FOLDERS.map(escaped).join('|')})(?:cell-(\\d+)|expression-\\d+)\\.ts(?=:\\d)`,
  'g',
);

/** The name that the function around a cell has in traces. */
const CELL_FUNCTION = /(^\s+at )(?:async )?Module\.module\.exports (?:\((.*)\))?/;

/**
 * `text` as a reader of the notebook would have it: in stack traces cells go by their numbers on
 * screen, without frames of the kernel and what is below them; names are as the cell has them.
 */
export function plainText(text: string): string {
  const named = plainNames(text);
  if (!ANY_FRAME.test(named)) return named;
  const result: string[] = [];
  let below = false;
  for (const line of named.split('\n')) {
    const frame = line.length < MOST_OF_A_FRAME && FRAME.test(line);
    const kernel = frame && isKernels(line);
    below = frame && (kernel || below);
    if (kernel || (below && isNodes(line))) closeBracket(result, line);
    else result.push(frame ? plainFrame(line) : line);
  }
  return result.join('\n');
}

/** Other lines are the message's, of any length. */
const MOST_OF_A_FRAME = 2000;

/** The lines of a stack trace that are frames, without those of the kernel and of Node.js. */
export function plainFrames(lines: readonly string[]): string[] {
  return lines.filter((line) => !isKernels(line) && !isNodes(line)).map(plainFrame);
}

/** What comes before the frames of a stack trace, and the frames. */
export function splitStack(stack: string): { head: string; frames: string[] } {
  const lines = stack.split('\n');
  let end = lines.length;
  while (end > 0 && (FRAME.test(lines[end - 1]!) || lines[end - 1] === '')) end--;
  const frames = lines.slice(end).filter((line) => line !== '');
  return { head: lines.slice(0, end).join('\n'), frames };
}

function plainFrame(line: string): string {
  const named = line.replace(CELL, (_path, number?: string) =>
    number === undefined ? 'expression' : `cell [${number}]`,
  );
  return named.replace(CELL_FUNCTION, (_all, at: string, place?: string) => at + (place ?? ''));
}

/** Names as the cell has them: `(0 , f__shared.f)` and `x__shared.x` are how they are compiled. */
export function plainNames(text: string): string {
  return text.includes('__shared.')
    ? text.replace(/\(0 , ([\w$]+)__shared\.\1\)|([\w$]+)__shared\.\2/g, '$1$2')
    : text;
}

/** Whether a frame is in the code of a cell. */
export function isCellFrame(line: string): boolean {
  return line.search(CELL) >= 0;
}

function isKernels(line: string): boolean {
  if (LOADER.test(line)) return true;
  const [, file] = KERNEL.exec(line) ?? [];
  return file !== undefined && isFile(file);
}

const files = new Map<string, boolean>();

function isFile(file: string): boolean {
  const known =
    files.get(file) ?? [`${file}.ts`, `${file}.cjs`].some((name) => existsSync(join(ROOT, name)));
  files.set(file, known);
  return known;
}

function isNodes(line: string): boolean {
  return /^\s+at (?:.* \()?node:/.test(line);
}

/** `inspect` prints what follows a trace behind its last line: `at … {` or `at …,`. */
function closeBracket(result: string[], line: string): void {
  const tail = /(?:\)|:\d+)([\s\]},{[]+)$/.exec(line);
  const last = result.pop();
  if (last !== undefined) result.push(last + (tail?.[1] ?? ''));
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}
