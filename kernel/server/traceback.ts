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
  const lines = stack.split('\n').filter((line) => !(/^\s+at /.test(line) && KERNEL.test(line)));
  const shown = lines.map((line) =>
    line
      .replace(CELL_PATH, 'cell [$1]:')
      .replace(/^(\s+at )(?:async )?Module\.module\.exports \((cell .*)\)$/, '$1$2'),
  );
  const frame = frameOfStack(lines, sources);
  const first = shown.findIndex((line) => /^\s+at /.test(line));
  if (frame && first >= 0) shown.splice(first, 0, ...frame, '');
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

const CELL_PATH = /(?:file:\/\/)?[^\s()]*\/cell-(\d+)\.ts:/g;

function frameOfStack(
  lines: readonly string[],
  sources: ReadonlyMap<number, string>,
): string[] | undefined {
  for (const line of lines) {
    const match = /^\s+at .*\/cell-(\d+)\.ts:(\d+):(\d+)/.exec(line);
    if (!match) continue;
    const source = sources.get(Number(match[1]));
    return source === undefined
      ? source
      : codeFrame(source, Number(match[2]) - 1, Number(match[3]) - 1, 1);
  }
  return undefined;
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
