/** A cell of an exercise's source. */
export interface SourceCell {
  kind: 'markdown' | 'code';
  /** With the solution. */
  solution: string;
  /** With the stub in its place; nothing where only the solution has this cell. */
  stub: string | undefined;
  /** The exercise whose section it is in; nothing before the first one. */
  exercise: string | undefined;
}

/** Where a source is not as it should be, and what to do. */
export class SourceError extends Error {
  override name = 'SourceError';
  constructor(file: string, line: number, message: string) {
    super(`${file}:${line}: ${message}`);
  }
}

const HEADING = /^## ([a-z]+-\d\d) · (.+)$/;
const FENCE = '```typescript';
const END_OF_FENCE = '```';
const SOLUTION_TEXT = '<!-- solution -->';
const END_OF_SOLUTION_TEXT = '<!-- end solution -->';
const SOLUTION_CODE = /^(\s*)\/\/ solution(?::\s*(.+))?$/;
const END_OF_SOLUTION_CODE = /^\s*\/\/ end solution$/;
const STUB = 'return todo();';

/**
 * Takes the Markdown source of exercises apart into cells.
 *
 * Code fences become code cells; the text between them, cut at every heading of an exercise,
 * Markdown cells. What lies between the two solution comments is for the solution alone.
 *
 * @param file its name, for messages
 * @throws SourceError for a marker or a fence that is not closed, or is in the wrong place
 */
export function parseSource(text: string, file: string): SourceCell[] {
  const cells: SourceCell[] = [];
  const lines = text.replace(/\r\n/g, '\n').split('\n');
  let prose: string[] = [];
  let exercise: string | undefined;
  let isSolution = false;

  const add = (kind: 'markdown' | 'code', solution: string, stub: string) => {
    if (solution.trim() === '') return;
    cells.push({ kind, solution, stub: isSolution ? undefined : stub, exercise });
  };
  const endProse = () => {
    const words = prose.join('\n').trim();
    prose = [];
    add('markdown', words, words);
  };

  for (let i = 0; i < lines.length; i++) {
    const line = lines[i]!;
    const heading = HEADING.exec(line);
    if (line === SOLUTION_TEXT || line === END_OF_SOLUTION_TEXT) {
      if (isSolution === (line === SOLUTION_TEXT)) {
        throw new SourceError(file, i + 1, `${line} is in the wrong place.`);
      }
      endProse();
      isSolution = !isSolution;
    } else if (heading) {
      if (isSolution) {
        throw new SourceError(file, i + 1, `an exercise begins before ${END_OF_SOLUTION_TEXT}.`);
      }
      endProse();
      exercise = heading[1];
      prose.push(line);
    } else if (line === FENCE) {
      endProse();
      const end = lines.indexOf(END_OF_FENCE, i);
      if (end < 0) throw new SourceError(file, i + 1, 'this code fence is not closed.');
      const { solution, stub } = parseCode(lines.slice(i + 1, end), file, i + 2);
      add('code', solution, stub);
      i = end;
    } else {
      prose.push(line);
    }
  }
  if (isSolution) {
    throw new SourceError(file, lines.length, `${END_OF_SOLUTION_TEXT} is missing.`);
  }
  endProse();
  return cells;
}

/** The code with its solution, and with the stub in its place. */
function parseCode(lines: string[], file: string, first: number) {
  const solution: string[] = [];
  const stub: string[] = [];
  let since: number | undefined;
  for (const [i, line] of lines.entries()) {
    const begin = SOLUTION_CODE.exec(line);
    if (begin) {
      if (since !== undefined) {
        throw new SourceError(file, first + i, 'a solution begins inside another one.');
      }
      since = first + i;
      stub.push(`${begin[1]}${begin[2] ?? STUB}`);
    } else if (END_OF_SOLUTION_CODE.test(line)) {
      if (since === undefined) {
        throw new SourceError(file, first + i, '// end solution, but none has begun.');
      }
      since = undefined;
    } else {
      solution.push(line);
      if (since === undefined) stub.push(line);
    }
  }
  if (since !== undefined) throw new SourceError(file, since, '// end solution is missing.');
  return { solution: solution.join('\n'), stub: stub.join('\n') };
}

/** The ids of the exercises of a source, in its order. */
export function exercisesIn(cells: readonly SourceCell[]): string[] {
  return [...new Set(cells.map(({ exercise }) => exercise))].filter((id) => id !== undefined);
}

/** The title in the heading of an exercise. */
export function titleIn(cells: readonly SourceCell[], id: string): string | undefined {
  const [first] = cells.filter(({ exercise }) => exercise === id);
  return HEADING.exec(first?.solution.split('\n')[0] ?? '')?.[2];
}
