import { join } from 'node:path';
import ts from 'typescript';
import { cellProgram } from './cell-program';
import { completeness } from './completeness';
import type { FileWatch } from './file-watch';
import { encodeMappings } from './source-map';
import { type Conversion, type Converter, createConverter, type Diagnostic } from './typescript';

/** What the compiler makes of a cell. */
export type Compiled =
  | { ok: true; code: string; mappings: string; imports: boolean }
  | { ok: false; diagnostics: Diagnostic[] };

/** TypeScript's number for an import of something that is not there. */
const CANNOT_FIND_MODULE = 2307;

/** Lines that the child puts before the code of a cell; its source map skips them. */
export const LINES_BEFORE_CODE = 1;

/**
 * The TypeScript side of a kernel: it knows what the cells so far have declared.
 *
 * A cell's declarations count only once `commit` says that it ran, wholly or in part.
 */
export class Session {
  private converter!: Converter;
  private files!: FileWatch;
  /** Whether the last cell imported something that was not there. */
  private missing = false;
  private declared = '';
  private pending = { source: '', declared: '' };

  constructor() {
    this.createConverter();
    // The first check of a program is slow; let it happen before the first cell.
    this.converter.convert('', '0');
  }

  private createConverter(): void {
    const { converter, files } = createConverter(join(__dirname, 'globals.d.ts'));
    this.converter = converter;
    this.files = files;
  }

  /** Looks for edits. The compiler remembers what it could not find: that takes a new one. */
  private refresh(): void {
    if (this.missing) this.renewConverter();
    this.missing = false;
    this.files.refresh();
  }

  private renewConverter(): void {
    this.converter.close();
    this.createConverter();
  }

  /** An error inside the compiler can leave it in a state that no later cell gets it out of. */
  private convert(source: string): Conversion {
    try {
      return this.converter.convert(this.declared, source);
    } catch {
      this.renewConverter();
      return this.converter.convert(this.declared, source);
    }
  }

  /** Checks a cell and makes it executable. */
  compile(cell: string): Compiled {
    const source = withoutExports(cell);
    const imports = /\b(?:import|require)\b/.test(source);
    if (imports) this.refresh();
    const result = this.convert(source);
    if (result.diagnostics.length > 0 || result.output === undefined) {
      this.missing = result.diagnostics.some(({ code }) => code === CANNOT_FIND_MODULE);
      return { ok: false, diagnostics: result.diagnostics };
    }
    this.pending = { source, declared: result.declOutput ?? '' };
    const { code, map } = cellProgram(result.output, result.lastExpressionVar, endsInValue(source));
    return { ok: true, code, mappings: encodeMappings(map, LINES_BEFORE_CODE), imports };
  }

  /**
   * Keeps the declarations of the cell compiled last.
   *
   * @param made the names it came to declare, where it failed; all of them when left out.
   * @returns what all cells have declared, as `restore` takes it.
   */
  commit(made?: readonly string[]): string {
    if (!made) {
      this.declared = this.pending.declared;
      return this.declared;
    }
    const reached = onlyDeclarations(this.pending.source, new Set(made));
    const result = this.convert(reached);
    if (result.diagnostics.length === 0) this.declared = result.declOutput ?? this.declared;
    return this.declared;
  }

  /** Takes over what another session had come to know. */
  restore(declared: string): void {
    this.declared = declared;
  }

  /** Forgets all cells: their variables are lost. */
  reset(): void {
    this.declared = '';
  }

  complete(code: string, position: number): { matches: string[]; start: number; end: number } {
    const { candidates, start, end } = this.converter.complete(this.declared, code, position);
    const typed = code.slice(start, position);
    return { matches: candidates.filter((name) => name.startsWith(typed)), start, end };
  }

  /** The type and documentation of the name at `position`, or `undefined` where there is none. */
  inspect(code: string, position: number): string | undefined {
    const at = wordBefore(code, position);
    const info = this.converter.inspect(this.declared, code, at);
    if (!info) return undefined;
    const tags = (info.tags ?? []).map(
      ({ name, text }) => `@${name} ${ts.displayPartsToString(text)}`,
    );
    const parts = [ts.displayPartsToString(info.displayParts)];
    parts.push(ts.displayPartsToString(info.documentation), tags.join('\n'));
    return parts.filter((part) => part !== '').join('\n\n');
  }

  completeness(code: string): ReturnType<typeof completeness> {
    return completeness(code);
  }
}

/** A cell is a module whose names are all exported: `export` says nothing more and may stand. */
function withoutExports(cell: string): string {
  if (!/\bexport\b/.test(cell)) return cell;
  let result = cell;
  const blank = (start: number, end: number): void => {
    const spaces = result.slice(start, end).replace(/[^\n]/g, ' ');
    result = result.slice(0, start) + spaces + result.slice(end);
  };
  const file = parse(cell);
  for (const statement of file.statements) {
    if (ts.isExportDeclaration(statement) && !statement.moduleSpecifier) {
      blank(statement.getStart(file), statement.end);
    } else if (ts.isExportAssignment(statement)) {
      blank(statement.getStart(file), statement.expression.getStart(file));
    } else if (ts.canHaveModifiers(statement)) {
      for (const modifier of ts.getModifiers(statement) ?? []) {
        const kind = modifier.kind;
        if (kind !== ts.SyntaxKind.ExportKeyword && kind !== ts.SyntaxKind.DefaultKeyword) continue;
        blank(modifier.getStart(file), modifier.end);
      }
    }
  }
  return result;
}

/** An enum or a namespace ends in an expression only once it is JavaScript. */
function endsInValue(source: string): boolean {
  const last = parse(source).statements.findLast((statement) => !ts.isEmptyStatement(statement));
  return last !== undefined && ts.isExpressionStatement(last);
}

/** The statements of a cell that declare types, functions or names in `made`. */
function onlyDeclarations(source: string, made: ReadonlySet<string>): string {
  const file = parse(source);
  const kept = file.statements.filter((statement) => {
    if (ts.isVariableStatement(statement)) {
      return statement.declarationList.declarations.every(({ name }) => allIn(name, made));
    }
    if (ts.isClassDeclaration(statement) || ts.isEnumDeclaration(statement)) {
      return statement.name !== undefined && made.has(statement.name.text);
    }
    return (
      ts.isFunctionDeclaration(statement) ||
      ts.isImportDeclaration(statement) ||
      ts.isInterfaceDeclaration(statement) ||
      ts.isTypeAliasDeclaration(statement)
    );
  });
  return kept.map((statement) => statement.getText(file)).join('\n');
}

function allIn(name: ts.BindingName, made: ReadonlySet<string>): boolean {
  if (ts.isIdentifier(name)) return made.has(name.text);
  return name.elements.every(
    (element) => !ts.isBindingElement(element) || allIn(element.name, made),
  );
}

function parse(source: string): ts.SourceFile {
  return ts.createSourceFile('cell.ts', source, ts.ScriptTarget.Latest, true);
}

/** Inspecting just behind a name means the name: `f(|` asks about `f`. */
function wordBefore(code: string, position: number): number {
  const inWord = /[\w$]/;
  if (inWord.test(code[position] ?? '')) return position;
  const before = code.slice(0, position).replace(/[\s(]+$/, '');
  return before === '' ? position : before.length - 1;
}
