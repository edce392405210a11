import type { Failure } from '../child/messages';
import type { Diagnostic } from '../compiler';
import { codeFrame } from './code-frame';
import type { SourceFiles } from './home';

/** What an `error` message and a failed `execute_reply` say. */
export interface ErrorContent extends Record<string, unknown> {
  ename: string;
  evalue: string;
  traceback: string[];
}

/** Where the code is that traces name: of cells, by their names in traces, and of files. */
interface Sources {
  cells: ReadonlyMap<string, string>;
  files: SourceFiles;
}

/** Writes errors with the code that they come from. */
export class Tracebacks {
  private readonly sources: Sources;

  constructor(cells: ReadonlyMap<string, string>, files: SourceFiles) {
    this.sources = { cells, files };
  }

  /** An error that a cell threw, with the code where it was thrown, and all that it holds. */
  errorOf(failure: Failure): ErrorContent {
    const { name, message } = failure;
    return { ename: name, evalue: message, traceback: linesOf(failure, this.sources) };
  }

  /** All that the compiler found in a cell, or in a file that it imports, each with its code. */
  typeErrorsOf(diagnostics: readonly Diagnostic[], source: string): ErrorContent {
    return typeErrorsOf(diagnostics, source, this.sources.files);
  }
}

function linesOf(failure: Failure, sources: Sources): string[] {
  const { name, message, head, frames = [], fields, errors, cause } = failure;
  const first = head ?? `${name}: ${message}`;
  const code = codeFrames(
    frames.map((frame) => placeOf(frame, sources.files)),
    sources,
  );
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

function typeErrorsOf(
  diagnostics: readonly Diagnostic[],
  source: string,
  files: SourceFiles,
): ErrorContent {
  const blocks = diagnostics.map(({ start, end, messageText, code, fileName }) => {
    const at = `${fileName ? `${fileName}:` : ''}${start.line + 1}:${start.character + 1}`;
    const length = end.line === start.line ? end.character - start.character : 1;
    const text = fileName ? files.read(fileName) : source;
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

function placeOf(frame: string, files: SourceFiles): Place | undefined {
  const match = PLACE.exec(frame);
  if (!match) return undefined;
  return { where: files.pathOf(match[1]!), line: Number(match[2]), column: Number(match[3]) };
}

/** The code where the error was thrown, and where the cell called what threw it. */
function codeFrames(places: readonly (Place | undefined)[], { cells, files }: Sources): string[][] {
  const own = places.filter((place) => place !== undefined).filter(isOwn);
  const thrown = own.at(0);
  const called = own.find(({ where }) => cells.has(where));
  const shown = [thrown, thrown === called ? undefined : called];
  return shown.flatMap((place) => {
    if (!place) return [];
    const { where, line, column } = place;
    const ofCell = cells.get(where);
    const source = ofCell ?? files.read(where);
    if (source === undefined) return [];
    const frame = codeFrame(source, line - 1, column - 1, 1);
    return [ofCell === undefined ? [`${where}:`, ...frame] : frame];
  });
}

function isOwn({ where }: Place): boolean {
  return !/[\\/]node_modules[\\/]/.test(where);
}
