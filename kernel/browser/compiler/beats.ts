import ts from 'typescript';
import { LINES_BEFORE_CODE } from '../../compiler/session';
import { composeMaps, decodeMappings, encodeMappings } from '../../compiler/source-map';
import { inPortions } from './portions';

type Code = { code: string; mappings: string };

/** The function around a cell; traces name it where the cell itself is meant. */
const MAIN = '__main__';

/** A variable of each cell: how many beats may go by until the next look for an interrupt. */
const LEFT = '__left';

/**
 * One more pass over a compiled cell, for a page, which cannot end what runs there from outside:
 *
 * - at the head of each loop, of each function that comes back to itself, and of each that is handed to another
 *   one, there is a beat (methods, getters and constructors are functions too). A beat counts down, and once nothing is left it calls `__beat()`, from which an interrupt
 *   is thrown, and which returns how many beats may go by until the next call. In the tightest loops, even
 *   counting down would take longer than the rest: they go in portions (`portions.ts`);
 * - async functions become generators (ES2016), so that each of them goes on by
 *   `Promise.prototype.then`, where the cell is followed.
 */
export function withBeats({ code, mappings }: Code): Code {
  const { outputText, sourceMapText } = ts.transpileModule(
    `async function ${MAIN}(require, __implicit_cell__) { let ${LEFT} = 0;\n${code}\n}`,
    {
      fileName: 'cell.js',
      compilerOptions: {
        module: ts.ModuleKind.ESNext,
        target: ts.ScriptTarget.ES2016,
        sourceMap: true,
        allowJs: true,
        useDefineForClassFields: true,
      },
      transformers: { before: [beats] },
    },
  );
  // The line of `async function` has no source.
  const first = [[], ...decodeMappings(mappings).slice(LINES_BEFORE_CODE)];
  const map = composeMaps(decodeMappings(JSON.parse(sourceMapText!).mappings), first);
  return {
    code: `${outputText.replace(/\/\/# sourceMappingURL=.*\s*$/, '')}\nreturn ${MAIN}(require, __implicit_cell__);`,
    mappings: encodeMappings(map, LINES_BEFORE_CODE),
  };
}

const beats: ts.TransformerFactory<ts.SourceFile> = (context) => {
  const { factory } = context;
  let repeated = new Set<string>();
  /** `__left = __beat()` */
  const look = () =>
    factory.createAssignment(
      factory.createIdentifier(LEFT),
      factory.createCallExpression(factory.createIdentifier('__beat'), undefined, []),
    );
  /** `--__left < 0` */
  const nothingLeft = () =>
    factory.createLessThan(
      factory.createPrefixDecrement(factory.createIdentifier(LEFT)),
      factory.createNumericLiteral(0),
    );
  const beat = (): ts.Statement =>
    factory.createIfStatement(nothingLeft(), factory.createExpressionStatement(look()));
  const withBeat = (body: ts.Statement): ts.Statement =>
    factory.createBlock([beat(), ...(ts.isBlock(body) ? body.statements : [body])]);
  /** Directives have to stay first. */
  const functionWithBeat = (body: ts.Block): ts.Block => {
    const directives = body.statements.findIndex(
      (statement) =>
        !ts.isExpressionStatement(statement) || !ts.isStringLiteral(statement.expression),
    );
    const at = directives === -1 ? body.statements.length : directives;
    const { statements } = body;
    return factory.createBlock([...statements.slice(0, at), beat(), ...statements.slice(at)]);
  };
  const withBeatInside = (node: WithBody): ts.Node => {
    const { body } = node;
    if (!body) return node;
    if (ts.isArrowFunction(node)) {
      const { modifiers, typeParameters, parameters, type, equalsGreaterThanToken } = node;
      const beating = ts.isBlock(body)
        ? functionWithBeat(body)
        : factory.createParenthesizedExpression(
            factory.createComma(
              factory.createLogicalAnd(nothingLeft(), look()),
              body as ts.Expression,
            ),
          );
      return factory.updateArrowFunction(
        node,
        modifiers,
        typeParameters,
        parameters,
        type,
        equalsGreaterThanToken,
        beating,
      );
    }
    const beating = functionWithBeat(body as ts.Block);
    if (ts.isConstructorDeclaration(node)) {
      return factory.updateConstructorDeclaration(node, node.modifiers, node.parameters, beating);
    }
    if (ts.isGetAccessorDeclaration(node)) {
      const { modifiers, name, parameters, type } = node;
      return factory.updateGetAccessorDeclaration(node, modifiers, name, parameters, type, beating);
    }
    if (ts.isSetAccessorDeclaration(node)) {
      const { modifiers, name, parameters } = node;
      return factory.updateSetAccessorDeclaration(node, modifiers, name, parameters, beating);
    }
    const { asteriskToken, typeParameters, parameters, type } = node;
    if (ts.isFunctionDeclaration(node)) {
      return factory.updateFunctionDeclaration(
        node,
        node.modifiers,
        asteriskToken,
        node.name,
        typeParameters,
        parameters,
        type,
        beating,
      );
    }
    if (ts.isFunctionExpression(node)) {
      return factory.updateFunctionExpression(
        node,
        node.modifiers,
        asteriskToken,
        node.name,
        typeParameters,
        parameters,
        type,
        beating,
      );
    }
    return factory.updateMethodDeclaration(
      node,
      node.modifiers,
      asteriskToken,
      node.name,
      node.questionToken,
      typeParameters,
      parameters,
      type,
      beating,
    );
  };
  const visit = (node: ts.Node): ts.Node => {
    const visited = ts.visitEachChild(node, visit, context);
    // Only the nodes of the source know their parents.
    if (isFunction(node) && isFunction(visited)) {
      const again = repeated.has(nameOf(node) ?? '') || isHandedOn(node);
      return again ? withBeatInside(visited) : visited;
    }
    if (ts.isWhileStatement(visited)) {
      return (
        inPortions(node as ts.WhileStatement, visited, look(), context) ??
        factory.updateWhileStatement(visited, visited.expression, withBeat(visited.statement))
      );
    }
    if (ts.isDoStatement(visited)) {
      return (
        inPortions(node as ts.DoStatement, visited, look(), context) ??
        factory.updateDoStatement(visited, withBeat(visited.statement), visited.expression)
      );
    }
    if (ts.isForStatement(visited)) {
      const { initializer, condition, incrementor, statement } = visited;
      return (
        inPortions(node as ts.ForStatement, visited, look(), context) ??
        factory.updateForStatement(
          visited,
          initializer,
          condition,
          incrementor,
          withBeat(statement),
        )
      );
    }
    if (ts.isForOfStatement(visited)) {
      const { awaitModifier, initializer, expression, statement } = visited;
      return factory.updateForOfStatement(
        visited,
        awaitModifier,
        initializer,
        expression,
        withBeat(statement),
      );
    }
    if (ts.isForInStatement(visited)) {
      const { initializer, expression, statement } = visited;
      return factory.updateForInStatement(visited, initializer, expression, withBeat(statement));
    }
    return visited;
  };
  return (file) => {
    repeated = new Set([...recursiveNames(file), ...argumentNames(file)]);
    return ts.visitEachChild(file, visit, context);
  };
};

/** What a function is called by: its own name, or that of what it is assigned to. */
function nameOf(node: ts.Node): string | undefined {
  const { parent } = node;
  // What comes back to a constructor names its class.
  const named = ts.isConstructorDeclaration(node)
    ? parent && ts.isClassLike(parent) && parent.name
    : (ts.isFunctionLike(node) && node.name) || undefined;
  const owner =
    named ??
    (parent && (ts.isVariableDeclaration(parent) || ts.isPropertyAssignment(parent))
      ? parent.name
      : parent && ts.isBinaryExpression(parent) && parent.right === node
        ? parent.left
        : undefined);
  if (!owner) return undefined;
  if (ts.isPropertyAccessExpression(owner)) return owner.name.text;
  return ts.isIdentifier(owner) || ts.isPrivateIdentifier(owner) ? owner.text : undefined;
}

/** The names of functions that may be called again while they run: they are on a circle of mentions. */
function recursiveNames(file: ts.SourceFile): Set<string> {
  const mentions = new Map<string, Set<string>>();
  const collect = (node: ts.Node, within: readonly string[]): void => {
    const name = isFunction(node) ? nameOf(node) : undefined;
    const inside = name === undefined ? within : [...within, name];
    if (name !== undefined && !mentions.has(name)) mentions.set(name, new Set());
    if (ts.isIdentifier(node) || ts.isPrivateIdentifier(node)) {
      for (const each of within) mentions.get(each)!.add(node.text);
    }
    ts.forEachChild(node, (child) => {
      const isOwnName = isFunction(node) && child === node.name;
      if (!isOwnName) collect(child, inside);
    });
  };
  collect(file, []);
  const reaches = (from: string, to: string, seen: Set<string>): boolean => {
    for (const next of mentions.get(from) ?? []) {
      if (next === to) return true;
      if (!mentions.has(next) || seen.has(next)) continue;
      seen.add(next);
      if (reaches(next, to, seen)) return true;
    }
    return false;
  };
  return new Set([...mentions.keys()].filter((name) => reaches(name, name, new Set())));
}

/** The names of what is handed to functions, which may call it without end. */
function argumentNames(file: ts.SourceFile): Set<string> {
  const names = new Set<string>();
  const collect = (node: ts.Node): void => {
    if (ts.isCallExpression(node) || ts.isNewExpression(node)) {
      for (const argument of node.arguments ?? []) {
        if (ts.isIdentifier(argument)) names.add(argument.text);
        // The names of a cell are fields of boxes.
        else if (ts.isPropertyAccessExpression(argument)) names.add(argument.name.text);
      }
    }
    ts.forEachChild(node, collect);
  };
  collect(file);
  return names;
}

type WithBody =
  | ts.FunctionDeclaration
  | ts.FunctionExpression
  | ts.ArrowFunction
  | ts.MethodDeclaration
  | ts.ConstructorDeclaration
  | ts.AccessorDeclaration;

const isFunction = (node: ts.Node): node is WithBody =>
  ts.isFunctionDeclaration(node) ||
  ts.isFunctionExpression(node) ||
  ts.isArrowFunction(node) ||
  ts.isMethodDeclaration(node) ||
  ts.isConstructorDeclaration(node) ||
  ts.isAccessor(node);

/** Whether it is handed to another function, by itself or in an object. */
function isHandedOn(node: ts.Node): boolean {
  const { parent } = node;
  if (ts.isPropertyAssignment(parent)) return isHandedOn(parent);
  if (ts.isObjectLiteralExpression(parent)) return isHandedOn(parent);
  if (!ts.isCallExpression(parent) && !ts.isNewExpression(parent)) return false;
  return parent.arguments?.some((argument) => argument === node) === true;
}
