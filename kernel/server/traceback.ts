import { readFileSync } from 'node:fs';
import type { Failure } from '../child/messages';
import type { Diagnostic } from '../compiler';

/** What an `error` message and a failed `execute_reply` say. */
export interface ErrorContent extends Record<string, unknown> {
  ename: string;
  evalue: string;
  traceback: string[];
}

/** Lines around the one in question that a code frame shows. */
const CONTEXT_LINES = 2;

const KERNEL = /implicit-kernel|\/kernel\/(child|bin|server|compiler)\/|\(?node:|tsx\/dist/;

/** An error that a cell threw: only the frames of cells and libraries, with the code at the first. */
export function errorOf(failure: Failure, sources: ReadonlyMap<number, string>): ErrorContent {
  const { name, message, stack } = failure;
  if (stack === undefined) {
    const line = message === '' ? name : `${name}: ${message}`;
    return { ename: name, evalue: message, traceback: [line] };
  }
  const lines = stack.split('\n').filter((line) => !(isFrame(line) && KERNEL.test(line)));
  const shown = lines.map((line) =>
    !isFrame(line)
      ? line
      : line
          .replace(CELL_PATH, 'cell [$1]:')
          .replace(/^(\s+at )(?:async )?Module\.module\.exports \((cell .*)\)$/, '$1$2'),
  );
  const first = shown.findIndex(isFrame);
  const frames = codeFrames(lines.filter(isFrame).map(placeOf), sources);
  if (first >= 0) shown.splice(first, 0, ...frames.flatMap((frame) => [...frame, '']));
  return { ename: name, evalue: message, traceback: shown };
}

/** All that the compiler found in a cell, each with its code. */
export function typeErrorsOf(diagnostics: readonly Diagnostic[], source: string): ErrorContent {
  const blocks = diagnostics.map(({ start, end, messageText, code, fileName }) => {
    const at = `${fileName ? `${fileName}:` : ''}${start.line + 1}:${start.character + 1}`;
    const length = end.line === start.line ? end.character - start.character : 1;
    const frame = fileName ? [] : codeFrame(source, start.line, start.character, length);
    return [`${at} - TS${code}: ${messageText}`, ...frame];
  });
  const more = diagnostics.length > 1 ? ` (and ${diagnostics.length - 1} more)` : '';
  return {
    ename: 'TypeScriptError',
    evalue: `${diagnostics[0]?.messageText ?? 'the cell cannot be compiled'}${more}`,
    traceback: blocks.flat(),
  };
}

/** Other lines are the message's, of any length. */
function isFrame(line: string): boolean {
  return line.length < 1000 && /^\s+at /.test(line);
}

const CELL_PATH = /(?:file:\/\/)?[^\s()]*\/cell-(\d+)\.ts:/g;

/** Where a frame of a stack is: in a cell, by its number, or in a file. Line and column from 1. */
type Place = { where: number | string; line: number; column: number };

function placeOf(frame: string): Place | undefined {
  const match = /(?:^\s+at |\()(?:file:\/\/)?(\/[^()]*|[A-Z]:[^()]*):(\d+):(\d+)\)?$/.exec(frame);
  if (!match) return undefined;
  const cell = /\/cell-(\d+)\.ts$/.exec(match[1]!);
  return {
    where: cell ? Number(cell[1]) : match[1]!,
    line: Number(match[2]),
    column: Number(match[3]),
  };
}

/** The code where the error was thrown, and where the cell called what threw it. */
function codeFrames(
  places: readonly (Place | undefined)[],
  sources: ReadonlyMap<number, string>,
): string[][] {
  const own = places.filter((place) => place !== undefined).filter(isOwn);
  const thrown = own.at(0);
  const called = own.find(({ where }) => typeof where === 'number');
  const shown = [thrown, thrown === called ? undefined : called];
  return shown.flatMap((place) => {
    if (!place) return [];
    const source = sourceAt(place, sources);
    if (source === undefined) return [];
    const frame = codeFrame(source, place.line - 1, place.column - 1, 1);
    return [typeof place.where === 'string' ? [`${place.where}:`, ...frame] : frame];
  });
}

function isOwn({ where }: Place): boolean {
  return typeof where === 'number' || !where.includes('/node_modules/');
}

function sourceAt({ where }: Place, sources: ReadonlyMap<number, string>): string | undefined {
  if (typeof where === 'number') return sources.get(where);
  try {
    return readFileSync(where, 'utf8');
  } catch {
    return undefined;
  }
}

/** The lines around a zero-based position, numbered, with the place marked below. */
function codeFrame(source: string, line: number, column: number, length: number): string[] {
  const lines = source.split('\n');
  const from = Math.max(0, line - CONTEXT_LINES);
  const to = Math.min(lines.length, line + CONTEXT_LINES + 1);
  const width = String(to).length;
  return lines.slice(from, to).flatMap((text, index) => {
    const number = from + index;
    const marker = number === line ? '>' : ' ';
    const shown = `${marker} ${String(number + 1).padStart(width)} | ${text}`;
    if (number !== line) return [shown];
    const caret = `${' '.repeat(width + 2)} | ${' '.repeat(column)}${'^'.repeat(Math.max(1, length))}`;
    return [shown, caret];
  });
}
