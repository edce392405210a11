import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Failure } from '../child/messages';
import type { Diagnostic } from '../compiler';
import { codeFrame } from './code-frame';

/** What an `error` message and a failed `execute_reply` say. */
export interface ErrorContent extends Record<string, unknown> {
  ename: string;
  evalue: string;
  traceback: string[];
}

/** The sources of cells, by the names that they have in stack traces. */
type Sources = ReadonlyMap<string, string>;

/** An error that a cell threw, with the code where it was thrown, and all that it holds. */
export function errorOf(failure: Failure, sources: Sources): ErrorContent {
  const { name, message } = failure;
  return { ename: name, evalue: message, traceback: linesOf(failure, sources) };
}

function linesOf(failure: Failure, sources: Sources): string[] {
  const { name, message, head, frames = [], fields, errors, cause } = failure;
  const first = head ?? `${name}: ${message}`;
  const code = codeFrames(frames.map(placeOf), sources);
  const lines = [
    ...first.split('\n'),
    ...code.flatMap((frame) => [...frame, '']),
    ...frames,
    ...(fields?.split('\n').map((line) => `    ${line}`) ?? []),
  ];
  errors?.forEach((error, i) => {
    const [start, ...rest] = innerLinesOf(error, sources);
    lines.push(`  [${i + 1} of ${errors.length}] ${start}`);
    lines.push(...rest.map((line) => (line === '' ? '' : `  ${line}`)));
  });
  if (cause) {
    const [start, ...rest] = innerLinesOf(cause, sources);
    lines.push(`Caused by ${start}`, ...rest);
  }
  return lines;
}

/** What an error holds or was caused by may be any value. */
function innerLinesOf(failure: Failure, sources: Sources): string[] {
  return failure.head === undefined ? failure.message.split('\n') : linesOf(failure, sources);
}

/** All that the compiler found in a cell, or in a file that it imports, each with its code. */
export function typeErrorsOf(diagnostics: readonly Diagnostic[], source: string): ErrorContent {
  const blocks = diagnostics.map(({ start, end, messageText, code, fileName }) => {
    const at = `${fileName ? `${fileName}:` : ''}${start.line + 1}:${start.character + 1}`;
    const length = end.line === start.line ? end.character - start.character : 1;
    const text = fileName ? textOf(fileName) : source;
    const frame = text === undefined ? [] : codeFrame(text, start.line, start.character, length);
    const number = code === 0 ? '' : ` - TS${code}`;
    return [`${at}${number}: ${messageText}`, ...frame];
  });
  const more = diagnostics.length > 1 ? ` (and ${diagnostics.length - 1} more)` : '';
  return {
    ename: 'TypeScriptError',
    evalue: `${diagnostics[0]?.messageText ?? 'the cell cannot be compiled'}${more}`,
    traceback: blocks.flat(),
  };
}

/** Where a frame of a stack is: in a cell, by its name, or in a file. Line and column from 1. */
type Place = { where: string; line: number; column: number };

/** Folders may have spaces and parentheses in their names. */
const PLACE =
  /^\s+at (?:.*? \()?(cell \[\d+\]|expression|(?:file:\/\/)?(?:\/.*|[A-Za-z]:[\\/].*)):(\d+):(\d+)\)?$/;

function placeOf(frame: string): Place | undefined {
  const match = PLACE.exec(frame);
  if (!match) return undefined;
  return { where: pathOf(match[1]!), line: Number(match[2]), column: Number(match[3]) };
}

function pathOf(where: string): string {
  if (!where.startsWith('file:')) return where;
  try {
    return fileURLToPath(where);
  } catch {
    return where;
  }
}

/** The code where the error was thrown, and where the cell called what threw it. */
function codeFrames(places: readonly (Place | undefined)[], sources: Sources): string[][] {
  const own = places.filter((place) => place !== undefined).filter(isOwn);
  const thrown = own.at(0);
  const called = own.find(({ where }) => sources.has(where));
  const shown = [thrown, thrown === called ? undefined : called];
  return shown.flatMap((place) => {
    if (!place) return [];
    const { where, line, column } = place;
    const ofCell = sources.get(where);
    const source = ofCell ?? textOf(where);
    if (source === undefined) return [];
    const frame = codeFrame(source, line - 1, column - 1, 1);
    return [ofCell === undefined ? [`${where}:`, ...frame] : frame];
  });
}

function isOwn({ where }: Place): boolean {
  return !/[\\/]node_modules[\\/]/.test(where);
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
