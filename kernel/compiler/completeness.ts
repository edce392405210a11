import ts from 'typescript';

export type Completeness =
  | { status: 'complete' | 'invalid' }
  | { status: 'incomplete'; indent: string };

/** Unterminated comment, regular expression and template; an expected token at the end. */
const UNTERMINATED = new Set([1010, 1160]);

/** Whether a console should run `code` or wait for more of it. */
export function completeness(code: string): Completeness {
  const file = ts.createSourceFile('cell.ts', code, ts.ScriptTarget.Latest, true);
  const found = (file as unknown as { parseDiagnostics: ts.DiagnosticWithLocation[] })
    .parseDiagnostics;
  if (found.length === 0) return { status: 'complete' };
  const end = code.trimEnd().length;
  const open = found.some(
    ({ code: number, start, length }) =>
      UNTERMINATED.has(number) || (start + length >= end && start >= end),
  );
  return open ? { status: 'incomplete', indent: indentAfter(code) } : { status: 'invalid' };
}

/** The indent of the last line, and two more spaces behind an opened bracket. */
function indentAfter(code: string): string {
  const line = code.slice(code.lastIndexOf('\n') + 1);
  const indent = /^\s*/.exec(line)![0];
  return /[{([]\s*$/.test(line) ? `${indent}  ` : indent;
}
