import type ts from 'typescript';
import { adviceFor } from './advice';
import type { CellSource } from './cell-source';
import { type Diagnostic, diagnosticIn } from './diagnostics';
import type { Live } from './earlier';
import { adviceOnMoved, movedNames } from './moved';
import type { Project } from './project';
import { isPackaged } from './sources';

/** TypeScript's number for a package that has no types. */
const NO_TYPES = 7016;

/**
 * And for a variable that got no type where it was declared: `const losses = []` takes one from what
 * its own cell does with it, and is `any[]` in later ones.
 */
const UNTYPED_VARIABLE = 7005;

/** The semantic diagnostics of a cell itself, without the names of earlier ones that follow it. */
export function foundIn(
  program: ts.Program,
  file: ts.SourceFile,
  { text }: CellSource,
): ts.Diagnostic[] {
  return program
    .getSemanticDiagnostics(file)
    .filter(({ start = 0 }) => start < text.length || text.length === 0);
}

/** Those of them for which a cell is refused. */
export function errorsAmong(
  found: readonly ts.Diagnostic[],
  text: string,
  live: ReadonlyMap<string, Live>,
): ts.Diagnostic[] {
  return found.filter(({ code, start = 0, length = 0 }) => {
    const isUntyped = code === UNTYPED_VARIABLE && live.has(text.slice(start, start + length));
    return code !== NO_TYPES && !isUntyped;
  });
}

/** What the reader is told about errors in a cell: one sentence of advice where there is one, else each error. */
export function refusal(
  project: Project,
  code: string,
  cell: CellSource,
  errors: readonly ts.Diagnostic[],
): Diagnostic[] {
  if (errors.length === 0) return [];
  const advice = adviceFor(
    code,
    errors.map(({ start = 0 }) => start - cell.shift),
  );
  if (advice) return [advice];
  const diagnostics = errors.map((error) => diagnosticIn(cell.text, cell.shift, error));
  const [first, ...others] = movedNames(project, errors);
  if (!first) return diagnostics;
  // What else is wrong may be so because the names are missing.
  return [{ ...diagnostics[0]!, code: 0, messageText: adviceOnMoved([first, ...others]) }];
}

/**
 * Errors in the modules that a cell imports from below the notebook's folder, or by a path, and in those
 * that these import by a path. Packages are not checked.
 */
export function errorsInModules(
  project: Project,
  program: ts.Program,
  directory: string,
): Diagnostic[] {
  const own = project.importedByPath(program);
  const files = program.getSourceFiles().filter(({ fileName }) => {
    const isOwn =
      (fileName.startsWith(`${directory}/`) || own.has(fileName)) && !isPackaged(fileName);
    return isOwn && !project.isCell(fileName) && /(?<!\.d)\.[cm]?tsx?$/.test(fileName);
  });
  return files.flatMap((file) => {
    const found = [
      ...program.getSyntacticDiagnostics(file),
      ...program.getSemanticDiagnostics(file).filter(({ code }) => code !== NO_TYPES),
    ];
    return found.map((error) => diagnosticIn(file.text, 0, error, file.fileName));
  });
}

/** Tells the reader once of each package that it has no types. */
export class AdviceOnTypes {
  readonly #advised = new Set<string>();

  on(file: ts.SourceFile, found: readonly ts.Diagnostic[]): string[] {
    return found.flatMap(({ code, start = 0, length = 0 }) => {
      if (code !== NO_TYPES) return [];
      const name = file.text.slice(start, start + length).replace(/['"`]/g, '');
      if (this.#advised.has(name) || /^[./]/.test(name)) return [];
      this.#advised.add(name);
      const types = `@types/${packageOf(name).replace(/^@/, '').replace('/', '__')}`;
      return [
        `${name} has no types: what comes from it is any. \`npm install ${types}\` brings them if there are any; \`declare module '${name}';\` ends this advice.`,
      ];
    });
  }
}

function packageOf(module: string): string {
  return module
    .split('/')
    .slice(0, module.startsWith('@') ? 2 : 1)
    .join('/');
}
