import { host } from './host';

const ANY_FRAME = /(?:^|\n)[ \t]+at /;
const FRAME = /^[ \t]+at /;

let pattern: RegExp | undefined;

/** Where a frame names a cell, by the file that it would have. */
function cellPattern(): RegExp {
  pattern ??= new RegExp(
    `(?:${host().traces.folders.map(escaped).join('|')})(?:cell-(\\d+)|expression-\\d+)\\.ts(?=:\\d)`,
    'g',
  );
  return pattern;
}

/** The name that the function around a cell has in traces. */
const CELL_FUNCTION = /(^\s+at )(?:async )?module\.exports \(((?:cell \[\d+\]|expression):.*)\)/;

/**
 * `text` as a reader of the notebook would have it: in stack traces cells go by their numbers on
 * screen, without frames of the kernel and what is below them; names are as the cell has them.
 */
export function plainText(text: string): string {
  const named = plainNames(text);
  if (!ANY_FRAME.test(named)) return named;
  const { traces } = host();
  const result: string[] = [];
  let below = false;
  for (const line of named.split('\n')) {
    const frame = line.length < MOST_OF_A_FRAME && FRAME.test(line);
    const kernel = frame && traces.isKernels(line);
    below = frame && (kernel || below);
    if (kernel || (below && traces.isPlatforms(line))) closeBracket(result, line);
    else result.push(frame ? plainFrame(line) : line);
  }
  return result.join('\n');
}

/** Other lines are the message's, of any length. */
const MOST_OF_A_FRAME = 2000;

/** The lines of a stack trace that are frames, without those of the kernel and what is below it. */
export function plainFrames(lines: readonly string[]): string[] {
  const { traces } = host();
  return lines
    .filter((line) => !traces.isKernels(line) && !traces.isPlatforms(line))
    .map(plainFrame);
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
  const named = line.replace(cellPattern(), (_path, number?: string) =>
    number === undefined ? 'expression' : `cell [${number}]`,
  );
  return named.replace(CELL_FUNCTION, '$1$2');
}

/** Names as the cell has them: `(0 , f__implicit_box.f)` and `x__implicit_box.x` are how they are compiled. */
export function plainNames(text: string): string {
  return text.includes('__implicit_box.')
    ? text.replace(
        /\(0 , ([$\p{ID_Continue}]+)__implicit_box\.\1\)|([$\p{ID_Continue}]+)__implicit_box\.\2/gu,
        '$1$2',
      )
    : text;
}

/** Whether a frame is in the code of a cell. */
export function isCellFrame(line: string): boolean {
  return line.search(cellPattern()) >= 0;
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
