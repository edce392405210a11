import ts from 'typescript';

export type Completeness =
  | { status: 'complete' | 'invalid' }
  | { status: 'incomplete'; indent: string };

/** TypeScript's numbers for a comment and a template that are open at the end. */
const OPEN = new Set([1010, 1160]);
/** And for a string that its line does not close: more lines will not help. */
const OPEN_STRING = 1002;

/** Whether a console should run `code` or wait for more of it. */
export function completeness(code: string): Completeness {
  const file = ts.createSourceFile('cell.ts', code, ts.ScriptTarget.Latest, true);
  const { parseDiagnostics: found } = file as typeof file & {
    parseDiagnostics: ts.DiagnosticWithLocation[];
  };
  if (found.length === 0) return { status: 'complete' };
  const end = code.trimEnd().length;
  const open = found.some(({ code: number, start }) => OPEN.has(number) || start >= end);
  if (!open || found.some(({ code: number }) => number === OPEN_STRING)) {
    return { status: 'invalid' };
  }
  return { status: 'incomplete', indent: indentAfter(code) };
}

/** The indent of the last line, and two more spaces behind an opened bracket. */
function indentAfter(code: string): string {
  const line = code.slice(code.lastIndexOf('\n') + 1);
  const indent = /^\s*/.exec(line)![0];
  return /[{([]\s*$/.test(line) ? `${indent}  ` : indent;
}
