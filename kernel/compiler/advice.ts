import ts from 'typescript';
import { parse, syntaxErrorsOf } from './cell-source';
import { type Diagnostic, diagnosticIn } from './diagnostics';

/**
 * One sentence for a cell that is written in the manner of another kernel, instead of all that
 * TypeScript has to say against it.
 */
export function adviceFor(cell: string): Diagnostic | undefined {
  for (const [pattern, advice] of MANNERS) {
    const found = pattern.exec(cell);
    if (found) return said(cell, found.index + found[0].search(/\S/), advice(found));
  }
  const at = firstJsx(cell);
  if (at === undefined) return undefined;
  return said(
    cell,
    at,
    'JSX is not compiled in cells: put it into a .tsx file beside the notebook and import that, or call the function that makes the element.',
  );
}

const MANNERS: [RegExp, (found: RegExpExecArray) => string][] = [
  [
    /^[ \t]*!(?![\s(=!])([^\n]*)/m,
    ([, command = '']) =>
      `A line with ! is a shell command in IPython only; here: import { execSync } from 'node:child_process'; console.log(execSync(${JSON.stringify(command.trim())}, { encoding: 'utf8' })).`,
  ],
  [
    /^[ \t]*%%?([A-Za-z]\w*)/m,
    ([, name = '']) =>
      `%${name} is a magic command of IPython; this kernel has none${name.startsWith('time') ? ': console.time() and performance.now() measure' : ''}.`,
  ],
];

function said(cell: string, start: number, messageText: string): Diagnostic {
  const length = /^[^\n]*/.exec(cell.slice(start))![0].trimEnd().length;
  return diagnosticIn(cell, 0, {
    start,
    length,
    messageText,
    category: ts.DiagnosticCategory.Error,
    code: 0,
  });
}

/** Where JSX begins in a cell that would be well-formed with it, and is not without. */
function firstJsx(cell: string): number | undefined {
  if (!/<[\w>]/.test(cell) || syntaxErrorsOf(parse(cell)).length === 0) return undefined;
  const file = parse(cell, ts.ScriptKind.TSX);
  if (syntaxErrorsOf(file).length > 0) return undefined;
  const find = (node: ts.Node): ts.Node | undefined =>
    ts.isJsxElement(node) || ts.isJsxSelfClosingElement(node) || ts.isJsxFragment(node)
      ? node
      : ts.forEachChild(node, find);
  return find(file)?.getStart(file);
}
