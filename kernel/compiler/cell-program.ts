import ts from 'typescript';
import { parse } from './cell-source';
import { type CellMap, composeMaps, decodeMappings } from './source-map';

/** A cell made executable. */
export interface CellProgram {
  /** The body of an `async function (require, __implicit_cell__)`. */
  code: string;
  /** From lines and columns of `code` to those of the cell. */
  map: CellMap;
}

const f = ts.factory;

/** What follows a name in the name of its box; the child takes it out of error messages. */
export const BOX_SUFFIX = '__implicit_box';

/** A cell as an ES module in JavaScript, that exports all its names in one list. */
export interface CellModule extends CellProgram {
  /** The names of earlier cells that it uses. */
  earlier: readonly string[];
  /** Names that it declares of what is there without it. */
  ambient: ReadonlySet<string>;
}

/**
 * Turns the ES module that the compiler makes of a cell into the body of an async function.
 *
 * Every name x at the top of a cell, imports, functions and classes included, lives in a box that
 * all cells share, `__implicit_cell__.box('x').x`, so that a later cell which redefines x redefines it for
 * all. (One object with all names would do as well, but the engine turns an object with many names
 * into a slow table; boxes stay as fast as variables, to a factor of about two.) After each declaration the body calls `__implicit_cell__.made(…names)`, which tells
 * how far a cell came that failed; the value of its last expression goes to `__implicit_cell__.result(…)`.
 */
export function cellProgram({ code, map, earlier, ambient }: CellModule): CellProgram {
  const alone = earlier.length === 0 ? withoutNames(code, map) : undefined;
  if (alone) return alone;
  // What a name refers to is decided when the compiler parses, and written when it prints: each of
  // these steps needs a pass of its own.
  const steps: [ts.ModuleKind, ts.CustomTransformers][] = [
    [ts.ModuleKind.ESNext, { before: [() => (file) => shareNames(file, earlier, ambient)] }],
    [ts.ModuleKind.CommonJS, { after: [() => withoutPrologue] }],
    [ts.ModuleKind.ESNext, { before: [(context) => (file) => useBoxes(file, context)] }],
  ];
  return steps.reduce(
    (program: CellProgram, [kind, transformers]) => {
      const step = transpile(program.code, kind, transformers);
      return { code: step.code, map: composeMaps(step.map, program.map) };
    },
    { code, map },
  );
}

/** A cell that shares no name is ready, but for the `export {}` at its end that makes it a module. */
function withoutNames(code: string, map: CellMap): CellProgram | undefined {
  const file = parse(code);
  const links = file.statements.filter(
    (statement) =>
      ts.isImportDeclaration(statement) ||
      ts.isExportDeclaration(statement) ||
      ts.isExportAssignment(statement),
  );
  if (links.some((link) => link.getText(file) !== 'export {};')) return undefined;
  const body = links.length === 0 ? code : code.slice(0, links[0]!.getStart(file));
  return { code: `"use strict";\n${body}`, map: [[], ...map] };
}

function transpile(
  code: string,
  module: ts.ModuleKind,
  transformers: ts.CustomTransformers,
): CellProgram {
  const { outputText, sourceMapText } = ts.transpileModule(code, {
    fileName: 'cell.js',
    compilerOptions: { module, target: ts.ScriptTarget.ES2022, sourceMap: true },
    transformers,
  });
  return {
    code: outputText.replace(/\/\/# sourceMappingURL=.*\s*$/, ''),
    map: decodeMappings(JSON.parse(sourceMapText!).mappings),
  };
}

function shareNames(
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

/** `[a, { b: c = 1 }, ...d]` as what stands on the left of an assignment. */
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

function made(names: string[]): ts.Statement {
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

function callCell(method: string, values: ts.Expression[]): ts.Expression {
  const callee = f.createPropertyAccessExpression(f.createIdentifier('__implicit_cell__'), method);
  return f.createCallExpression(callee, undefined, values);
}

/** Keeps the place in the source for the source map. */
function at<N extends ts.Node>(node: N, original: ts.Node): N {
  return ts.setTextRange(node, original);
}

/**
 * Drops what the CommonJS form puts first (`exports.__esModule`, `exports.x = void 0`): an old
 * value lives until the cell replaces it.
 */
function withoutPrologue(file: ts.SourceFile): ts.SourceFile {
  const statements = file.statements.filter((statement) => {
    const made = statement.pos < 0 && ts.isExpressionStatement(statement);
    return !(made && isPrologue(statement.expression));
  });
  return f.updateSourceFile(file, statements);
}

function isPrologue(expression: ts.Expression): boolean {
  if (ts.isCallExpression(expression)) {
    const name = expression.arguments[1];
    return name !== undefined && ts.isStringLiteral(name) && name.text === '__esModule';
  }
  let value = expression;
  while (ts.isBinaryExpression(value)) value = value.right;
  return value !== expression && ts.isVoidExpression(value);
}

/** Replaces each `exports.x` by `x__implicit_box.x`, with the boxes fetched once, at the beginning. */
function useBoxes(file: ts.SourceFile, context: ts.TransformationContext): ts.SourceFile {
  const names = new Set<string>();
  const visit = (node: ts.Node): ts.Node => {
    if (isShared(node)) {
      names.add(node.name.text);
      const box = f.createIdentifier(`${node.name.text}${BOX_SUFFIX}`);
      return at(f.createPropertyAccessExpression(box, node.name.text), node);
    }
    if (ts.isCallExpression(node) && isShared(node.expression)) return bareCall(node, visit);
    const visited = ts.visitEachChild(node, visit, context);
    if (ts.isCallExpression(visited) && ts.isParenthesizedExpression(visited.expression)) {
      atStart(visited.expression);
    }
    return visited;
  };
  const statements = file.statements.map((statement) => visit(statement) as ts.Statement);
  const boxes = [...names].map((name) =>
    f.createVariableDeclaration(
      `${name}${BOX_SUFFIX}`,
      undefined,
      undefined,
      callCell('box', [f.createStringLiteral(name)]),
    ),
  );
  if (boxes.length === 0) return file;
  const [directive, ...rest] = statements;
  const fetch = f.createVariableStatement(
    undefined,
    f.createVariableDeclarationList(boxes, ts.NodeFlags.Const),
  );
  // The first statement is always "use strict".
  return f.updateSourceFile(file, [directive!, fetch, ...rest]);
}

/** A function of an earlier cell is called without `this`, as it would be by its bare name. */
function bareCall(node: ts.CallExpression, visit: (node: ts.Node) => ts.Node): ts.Node {
  const callee = f.createParenthesizedExpression(
    f.createComma(f.createNumericLiteral(0), visit(node.expression) as ts.Expression),
  );
  atStart(at(callee, node.expression));
  const values = node.arguments.map((value) => visit(value) as ts.Expression);
  const call = ts.isCallChain(node)
    ? f.createCallChain(callee, node.questionDotToken, undefined, values)
    : f.createCallExpression(callee, undefined, values);
  return at(call, node);
}

/** The engine places a call `(0, f)(…)` at the end of its callee; traces should show the start. */
function atStart(callee: ts.ParenthesizedExpression): void {
  const pos = callee.getSourceFile?.() ? callee.getStart() : callee.pos;
  ts.setTextRange(callee, { pos, end: pos });
}

function isShared(node: ts.Node): node is ts.PropertyAccessExpression & { name: ts.Identifier } {
  return (
    ts.isPropertyAccessExpression(node) &&
    ts.isIdentifier(node.expression) &&
    node.expression.text === 'exports' &&
    ts.isIdentifier(node.name)
  );
}
