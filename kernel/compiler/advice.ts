import ts from 'typescript';
import { parse, syntaxErrorsOf } from './cell-source';
import { type Diagnostic, diagnosticIn } from './diagnostics';

/**
 * One sentence for a cell that is written in the manner of another kernel, instead of all that
 * TypeScript has to say against it.
 *
 * @param errors where that begins: a line of a text or a comment may look like one of them.
 */
export function adviceFor(cell: string, errors: readonly number[]): Diagnostic | undefined {
  for (const [pattern, advice] of MANNERS) {
    for (const found of cell.matchAll(pattern)) {
      const end = found.index + found[0].length;
      const isMeant = errors.some((start) => found.index <= start && start <= end);
      if (isMeant) return said(cell, found.index + found[0].search(/\S/), advice(found));
    }
  }
  const at = firstJsx(cell);
  if (at === undefined) return undefined;
  return said(
    cell,
    at,
    'JSX is not compiled in cells: put it into a .tsx file next to the notebook and import that, or call the function that makes the element.',
  );
}

const MANNERS: [RegExp, (found: RegExpExecArray) => string][] = [
  [
    /^[ \t]*!(?![\s(=!])([^\n]*)/gm,
    ([, command = '']) =>
      `A line with ! is a shell command in IPython only; here: import { execSync } from 'node:child_process'; console.log(execSync(${JSON.stringify(command.trim())}, { encoding: 'utf8' })).`,
  ],
  [
    /^[ \t]*%%?([A-Za-z]\w*)/gm,
    ([, name = '']) =>
      `%${name} is a magic command of IPython; this kernel has none${name.startsWith('time') ? ': console.time() and performance.now() measure' : ''}.`,
  ],
  [
    /^[ \t]*((?:npm|npx|pnpm|yarn|pip3?|conda|git|cd|ls|mkdir|cat)[ \t]+[\w@./~-][^\n()=;]*)$/gm,
    ([, command = '']) =>
      `A command of the shell is run by: import { execSync } from 'node:child_process'; console.log(execSync(${JSON.stringify(command.trim())}, { encoding: 'utf8' })).`,
  ],
  [
    /^[ \t]*(?:from[ \t]+[\w.]+[ \t]+import\b|import[ \t]+[\w.]+(?:[ \t]+as[ \t]+\w+)?[ \t]*$|def[ \t]+\w+[ \t]*\(.*\).*:)/gm,
    () => 'This is Python; cells of this kernel are TypeScript.',
  ],
  [
    /^[ \t]*(?:import|export)\b[^\n]*['"](?:npm|jsr|https?):[^'"\n]*['"]/gm,
    () =>
      'Modules are packages that npm has installed and files beside the notebook, no addresses: npm install NAME, then import it by its name.',
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
