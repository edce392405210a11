import ts from 'typescript';

/** How later cells may use a name. */
export type Kind = 'let' | 'const' | 'other';

/** A name at the top of a cell. */
export interface Declared {
  kind: Kind;
  /** It names a type as well, or only one. */
  type: boolean;
  /** Declared of something that is there without the cell: `declare const x: number`. */
  ambient: boolean;
}

/** A cell as the compiler takes it. Positions in `text` are those in the cell plus `shift`. */
export interface CellSource {
  text: string;
  shift: number;
  /** Declarations of whole modules, `declare module 'm'`, which only a script may contain. */
  modules: { name: string; text: string }[];
  /** Whether it changes what all files see: `declare global`. */
  global: boolean;
  declared: ReadonlyMap<string, Declared>;
  /** All identifiers in it, whatever they are. */
  mentioned: ReadonlySet<string>;
  imports: boolean;
}

/** Parsed as a module, so that `await` at the top is what it is in cells. */
export function parse(text: string, kind = ts.ScriptKind.TS, name = 'cell.ts'): ts.SourceFile {
  const options: ts.CreateSourceFileOptions = {
    languageVersion: ts.ScriptTarget.ESNext,
    setExternalModuleIndicator: (file) => {
      // As the compiler does under `moduleDetection: force`.
      Object.assign(file, { externalModuleIndicator: true });
    },
  };
  return ts.createSourceFile(name, text, options, true, kind);
}

export function syntaxErrorsOf(file: ts.SourceFile): readonly ts.DiagnosticWithLocation[] {
  const { parseDiagnostics } = file as typeof file & {
    parseDiagnostics: readonly ts.DiagnosticWithLocation[];
  };
  return parseDiagnostics;
}

/** Reads a cell. `isTyped` returns whether there are types for a module already. */
export function readCell(cell: string, isTyped: (module: string) => boolean): CellSource {
  const object = asObject(cell);
  const file = parse(object ?? cell);
  const blanked: Blanked[] = [];
  const modules = file.statements.filter(isWholeModule).filter((declaration) => {
    return !isTyped(declaration.name.text);
  });
  for (const declaration of modules) blanked.push([declaration.getStart(file), declaration.end]);
  for (const statement of file.statements) blanked.push(...exportsOf(statement, file));
  return {
    text: blank(file.text, blanked),
    shift: object === undefined ? 0 : 1,
    modules: modules.map((declaration) => ({
      name: declaration.name.text,
      text: declaration.getText(file),
    })),
    global: file.statements.some(isGlobal),
    declared: declaredIn(file),
    mentioned: mentionedIn(file),
    imports: /\b(?:import|require)\b/.test(cell),
  };
}

/** `{ a: 1, b: 2 }` is meant as an object, as in every console, where it can be one. */
function asObject(cell: string): string | undefined {
  if (!/^\s*\{/.test(cell) || !/\}\s*$/.test(cell)) return undefined;
  const text = `(${cell})`;
  const file = parse(text);
  if (syntaxErrorsOf(file).length > 0 || file.statements.length !== 1) return undefined;
  return text;
}

/** Whether its last statement is an expression: its value is shown. An enum becomes one only later. */
export function lastExpression(
  file: ts.SourceFile,
  end: number,
): ts.ExpressionStatement | undefined {
  const last = file.statements.findLast(
    (statement) => statement.getStart(file) < end && !ts.isEmptyStatement(statement),
  );
  return last && ts.isExpressionStatement(last) ? last : undefined;
}

type WholeModule = ts.ModuleDeclaration & { name: ts.StringLiteral };

function isWholeModule(statement: ts.Statement): statement is WholeModule {
  return ts.isModuleDeclaration(statement) && ts.isStringLiteral(statement.name);
}

function isGlobal(statement: ts.Statement): boolean {
  return (
    ts.isModuleDeclaration(statement) &&
    (isWholeModule(statement) || statement.name.text === 'global')
  );
}

/** From where to where spaces replace a text, and what is put at their beginning. */
type Blanked = [start: number, end: number, put?: string];

/** A cell is a module whose names are all exported: `export` adds nothing and is allowed. */
function exportsOf(statement: ts.Statement, file: ts.SourceFile): Blanked[] {
  if (ts.isExportDeclaration(statement) && !statement.moduleSpecifier) {
    return [[statement.getStart(file), statement.end]];
  }
  if (ts.isExportAssignment(statement)) {
    return [[statement.getStart(file), statement.expression.getStart(file)]];
  }
  if (!ts.canHaveModifiers(statement)) return [];
  const modifiers = ts.getModifiers(statement) ?? [];
  const [first, second] = modifiers.filter(
    ({ kind }) => kind === ts.SyntaxKind.ExportKeyword || kind === ts.SyntaxKind.DefaultKeyword,
  );
  if (first && second && isNameless(statement)) {
    // An expression, as no declaration goes without a name.
    return [[first.getStart(file), second.end, 'await']];
  }
  return [first, second].flatMap((one): Blanked[] => (one ? [[one.getStart(file), one.end]] : []));
}

function isNameless(statement: ts.Statement): boolean {
  return (
    (ts.isClassDeclaration(statement) || ts.isFunctionDeclaration(statement)) && !statement.name
  );
}

function blank(text: string, ranges: readonly Blanked[]): string {
  let result = text;
  for (const [start, end, put = ''] of ranges) {
    const spaces = text.slice(start + put.length, end).replace(/[^\n\r]/g, ' ');
    result = result.slice(0, start) + put + spaces + result.slice(end);
  }
  return result;
}

function declaredIn(file: ts.SourceFile): Map<string, Declared> {
  const found = new Map<string, Declared>();
  const add = (name: string, kind: Kind | undefined, type: boolean, ambient = false): void => {
    const before = found.get(name);
    const value = before && (before.kind !== 'other' || !before.type) ? before.kind : undefined;
    found.set(name, {
      kind: value ?? kind ?? 'other',
      type: type || (before?.type ?? false),
      ambient: ambient && (before?.ambient ?? true),
    });
  };
  for (const statement of file.statements) {
    const ambient = isAmbient(statement);
    if (ts.isVariableStatement(statement)) {
      const kind = kindOf(statement.declarationList);
      for (const { name } of statement.declarationList.declarations) {
        for (const bound of boundNames(name)) add(bound, kind, false, ambient);
      }
    } else if (ts.isFunctionDeclaration(statement)) {
      if (statement.name) add(statement.name.text, 'other', false, ambient);
    } else if (ts.isClassDeclaration(statement) || ts.isEnumDeclaration(statement)) {
      if (statement.name) add(statement.name.text, 'other', true, ambient);
    } else if (ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement)) {
      add(statement.name.text, undefined, true);
    } else if (ts.isModuleDeclaration(statement)) {
      if (ts.isIdentifier(statement.name) && !isGlobal(statement)) {
        add(statement.name.text, 'other', true, ambient);
      }
    } else if (ts.isImportDeclaration(statement)) {
      for (const name of importedNames(statement)) add(name, 'other', true);
    } else if (ts.isImportEqualsDeclaration(statement)) {
      add(statement.name.text, 'other', true);
    } else {
      for (const name of nestedVariables(statement)) add(name, 'let', false);
    }
  }
  return found;
}

function isAmbient(statement: ts.Statement): boolean {
  if (!ts.canHaveModifiers(statement)) return false;
  return (ts.getModifiers(statement) ?? []).some(
    ({ kind }) => kind === ts.SyntaxKind.DeclareKeyword,
  );
}

function kindOf({ flags }: ts.VariableDeclarationList): Kind {
  return flags & ts.NodeFlags.Const ? 'const' : 'let';
}

export function boundNames(name: ts.BindingName): string[] {
  if (ts.isIdentifier(name)) return [name.text];
  return name.elements.flatMap((element) =>
    ts.isBindingElement(element) ? boundNames(element.name) : [],
  );
}

function importedNames({ importClause: clause }: ts.ImportDeclaration): string[] {
  const names = clause?.name ? [clause.name.text] : [];
  const bindings = clause?.namedBindings;
  if (bindings && ts.isNamespaceImport(bindings)) names.push(bindings.name.text);
  if (bindings && ts.isNamedImports(bindings)) {
    names.push(...bindings.elements.map(({ name }) => name.text));
  }
  return names;
}

/** `var` in a block, in a loop or behind a label belongs to the cell. */
function nestedVariables(statement: ts.Node): string[] {
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionLike(node) || ts.isClassLike(node) || ts.isModuleDeclaration(node)) return;
    if (ts.isVariableDeclarationList(node) && !(node.flags & ts.NodeFlags.BlockScoped)) {
      found.push(...node.declarations.flatMap(({ name }) => boundNames(name)));
    }
    ts.forEachChild(node, visit);
  };
  visit(statement);
  return found;
}

function mentionedIn(file: ts.SourceFile): Set<string> {
  const found = new Set<string>();
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node)) found.add(node.text);
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
}
