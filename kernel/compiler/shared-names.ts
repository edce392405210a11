import ts from 'typescript';
import { at, callCell, f } from './cell-calls';

export function shareNames(
  file: ts.SourceFile,
  earlier: readonly string[],
  ambient: ReadonlySet<string>,
): ts.SourceFile {
  const names = new Set(namesExportedBy(file).filter((name) => !ambient.has(name)));
  const all = new Set(names);
  const functions: ts.Statement[] = [];
  const others: ts.Statement[] = [];
  for (const statement of file.statements) {
    if (ts.isFunctionDeclaration(statement) && statement.name && names.has(statement.name.text)) {
      names.delete(statement.name.text);
      functions.push(sharedFunction(statement), made([statement.name.text]));
    } else {
      others.push(...shareStatement(statement, names, all));
    }
  }
  // What is left was declared inside blocks: `if (…) { var x }`.
  const nested = names.size > 0 ? [exportList([...names]), made([...names])] : [];
  const known = earlier.length > 0 ? [declareShared(earlier)] : [];
  return f.updateSourceFile(file, [...known, ...functions, ...others, ...nested]);
}

/** The names of the list in which a cell exports its own. */
export function namesExportedBy(file: ts.SourceFile): string[] {
  return file.statements.flatMap((statement) => {
    if (!ts.isExportDeclaration(statement) || statement.moduleSpecifier) return [];
    if (!statement.exportClause || !ts.isNamedExports(statement.exportClause)) return [];
    return statement.exportClause.elements.map(({ name }) => name.text);
  });
}

/**
 * @param names the names of the cell that are not shared yet; those that get shared leave it.
 * @param all all names of the cell: a `var` may be declared twice.
 */
function shareStatement(
  statement: ts.Statement,
  names: Set<string>,
  all: ReadonlySet<string>,
): ts.Statement[] {
  if (ts.isImportDeclaration(statement)) return shareImport(statement, names);
  if (ts.isExportDeclaration(statement)) return [];
  if (ts.isClassDeclaration(statement) && statement.name && names.delete(statement.name.text)) {
    return [sharedClass(statement), made([statement.name.text])];
  }
  if (!ts.isVariableStatement(statement)) return [statement];
  const { declarations } = statement.declarationList;
  const bound = declarations.flatMap(({ name }) => boundNames(name));
  if (!bound.some((name) => all.has(name))) return [statement];
  const unpacked = declarations.flatMap(({ name }) =>
    ts.isIdentifier(name) ? [] : boundNames(name),
  );
  const shared = declarations.map((declaration) => sharedVariable(declaration, names, all));
  if (unpacked.length > 0) shared.unshift(declareShared(unpacked));
  for (const name of bound) names.delete(name);
  return [...shared, made(bound)];
}

/** `let x` becomes `export let x = undefined`: running a cell again must not keep an old value. */
function sharedVariable(
  declaration: ts.VariableDeclaration,
  names: ReadonlySet<string>,
  all: ReadonlySet<string>,
): ts.Statement {
  const { name, initializer } = declaration;
  if (ts.isIdentifier(name) && all.has(name.text) && !names.has(name.text)) {
    if (!initializer) return f.createEmptyStatement();
    const assignment = f.createAssignment(f.createIdentifier(name.text), initializer);
    return at(f.createExpressionStatement(assignment), declaration);
  }
  if (ts.isIdentifier(name)) {
    if (!names.has(name.text) && !initializer) return f.createEmptyStatement();
    return at(exportLet(name, initializer ?? f.createIdentifier('undefined')), declaration);
  }
  // As a declaration, the CommonJS form would take an array pattern apart by index.
  const pattern = at(assignmentPattern(name), name);
  const assignment = f.createParenthesizedExpression(f.createAssignment(pattern, initializer!));
  return at(f.createExpressionStatement(assignment), declaration);
}

/** `[a, { b: c = 1 }, ...d]` as the left side of an assignment. */
function assignmentPattern(pattern: ts.BindingPattern): ts.Expression {
  if (ts.isArrayBindingPattern(pattern)) {
    return f.createArrayLiteralExpression(
      pattern.elements.map((element) => {
        if (ts.isOmittedExpression(element)) return element;
        const target = assignmentTarget(element);
        return element.dotDotDotToken ? f.createSpreadElement(target) : target;
      }),
    );
  }
  return f.createObjectLiteralExpression(
    pattern.elements.map((element) => {
      if (element.dotDotDotToken) return f.createSpreadAssignment(assignmentTarget(element));
      const property = element.propertyName ?? (element.name as ts.Identifier);
      const key = ts.isIdentifier(property) ? property.text : property;
      return f.createPropertyAssignment(key, assignmentTarget(element));
    }),
  );
}

function assignmentTarget({ name, initializer }: ts.BindingElement): ts.Expression {
  const target = ts.isIdentifier(name)
    ? at(f.createIdentifier(name.text), name)
    : assignmentPattern(name);
  return initializer ? f.createAssignment(target, initializer) : target;
}

function sharedFunction(declaration: ts.FunctionDeclaration): ts.Statement {
  const { modifiers, asteriskToken, name, parameters, body } = declaration;
  const kept = modifiers?.filter((modifier) => modifier.kind === ts.SyntaxKind.AsyncKeyword);
  const expression = at(
    f.createFunctionExpression(
      kept as ts.Modifier[] | undefined,
      asteriskToken,
      name,
      undefined,
      parameters,
      undefined,
      body!,
    ),
    declaration,
  );
  return at(exportLet(name!, expression), declaration);
}

function sharedClass(declaration: ts.ClassDeclaration): ts.Statement {
  const { name, heritageClauses, members } = declaration;
  const expression = at(
    f.createClassExpression(undefined, name, undefined, heritageClauses, members),
    declaration,
  );
  return at(exportLet(name!, expression), declaration);
}

/** `import { a as b } from 'm'` as `await __implicit_cell__.imports('m', { b: 'a' })`, which fills the boxes. */
function shareImport(statement: ts.ImportDeclaration, shared: Set<string>): ts.Statement[] {
  const names = importedNames(statement);
  for (const [name] of names) shared.delete(name);
  const list = f.createObjectLiteralExpression(
    names.map(([name, imported]) =>
      f.createPropertyAssignment(f.createStringLiteral(name), f.createStringLiteral(imported)),
    ),
  );
  const call = callCell('imports', [statement.moduleSpecifier, list]);
  const awaited = at(f.createExpressionStatement(f.createAwaitExpression(call)), statement);
  return names.length > 0 ? [declareShared(names.map(([name]) => name)), awaited] : [awaited];
}

/** The names that an import brings, each with what the module calls it; `*` is the whole module. */
function importedNames({ importClause: clause }: ts.ImportDeclaration): [string, string][] {
  const names: [string, string][] = clause?.name ? [[clause.name.text, 'default']] : [];
  const bindings = clause?.namedBindings;
  if (bindings && ts.isNamespaceImport(bindings)) names.push([bindings.name.text, '*']);
  if (bindings && ts.isNamedImports(bindings)) {
    for (const { name, propertyName } of bindings.elements) {
      names.push([name.text, (propertyName ?? name).text]);
    }
  }
  return names;
}

function exportList(names: string[]): ts.Statement {
  const elements = names.map((name) => f.createExportSpecifier(false, undefined, name));
  return f.createExportDeclaration(undefined, false, f.createNamedExports(elements));
}

function boundNames(name: ts.BindingName): string[] {
  if (ts.isIdentifier(name)) return [name.text];
  return name.elements.flatMap((element) =>
    ts.isBindingElement(element) ? boundNames(element.name) : [],
  );
}

function exportLet(name: ts.Identifier, value: ts.Expression): ts.Statement {
  return f.createVariableStatement(
    [f.createModifier(ts.SyntaxKind.ExportKeyword)],
    f.createVariableDeclarationList(
      [f.createVariableDeclaration(name, undefined, undefined, value)],
      ts.NodeFlags.Let,
    ),
  );
}

export function made(names: string[]): ts.Statement {
  const literals = names.map((name) => f.createStringLiteral(name));
  return f.createExpressionStatement(callCell('made', literals));
}

/** Declares names as shared without giving them a value: nothing of it is left when it runs. */
function declareShared(names: readonly string[]): ts.Statement {
  return f.createVariableStatement(
    [f.createModifier(ts.SyntaxKind.ExportKeyword)],
    f.createVariableDeclarationList(
      names.map((name) => f.createVariableDeclaration(name)),
      ts.NodeFlags.Let,
    ),
  );
}
