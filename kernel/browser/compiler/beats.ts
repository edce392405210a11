import ts from 'typescript';
import { LINES_BEFORE_CODE } from '../../compiler/session';
import { composeMaps, decodeMappings, encodeMappings } from '../../compiler/source-map';
import {
  argumentNames,
  isFunction,
  isHandedOn,
  nameOf,
  recursiveNames,
  type WithBody,
} from './called-again';
import { inPortions, isPlainLoop } from './portions';

type Code = { code: string; mappings: string };

/** The function around a cell; traces name it where the cell itself is meant. */
const MAIN = '__main__';

/** A variable of each cell: how many beats may go by until the next look for an interrupt. */
const LEFT = '__left';

/**
 * One more pass over a compiled cell, for a page, which cannot end what runs there from outside:
 *
 * - at the head of each loop, of each recursive function, and of each that is passed to another one,
 *   there is a beat (methods, getters and constructors are functions too). A beat counts down, and at zero it
 *   calls `__beat()`, which throws an interrupt, or returns the number of beats until the next call. In the tightest loops, even
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

const beats: ts.TransformerFactory<ts.SourceFile> = (context) => (file) => {
  const repeated = new Set([...recursiveNames(file), ...argumentNames(file)]);
  const visit = (node: ts.Node): ts.Node => {
    const visited = ts.visitEachChild(node, visit, context);
    // Only the nodes of the source know their parents.
    if (isFunction(node) && isFunction(visited)) {
      const again = repeated.has(nameOf(node) ?? '') || isHandedOn(node);
      return again ? functionWithBeat(visited, context) : visited;
    }
    return ts.isIterationStatement(node, false) && ts.isIterationStatement(visited, false)
      ? loopWithBeats(node, visited, context)
      : visited;
  };
  return ts.visitEachChild(file, visit, context);
};

/**
 * @param loop as it is in the source
 * @param visited the same loop, with what is inside it already transformed
 */
function loopWithBeats(
  loop: ts.IterationStatement,
  visited: ts.IterationStatement,
  context: ts.TransformationContext,
): ts.Node {
  const portions =
    isPlainLoop(loop) && isPlainLoop(visited)
      ? inPortions(loop, visited, look(context.factory), context)
      : undefined;
  return portions ?? withPart(visited, visited.statement, statementWithBeat, context);
}

function functionWithBeat(node: WithBody, context: ts.TransformationContext): ts.Node {
  return node.body ? withPart(node, node.body, bodyWithBeat, context) : node;
}

/** The node with one of its children changed. */
function withPart<T extends ts.Node>(
  node: ts.Node,
  part: T,
  change: (part: T, factory: ts.NodeFactory) => ts.Node,
  context: ts.TransformationContext,
): ts.Node {
  return ts.visitEachChild(
    node,
    (child) => (child === part ? change(part, context.factory) : child),
    context,
  );
}

const statementWithBeat = (body: ts.Statement, factory: ts.NodeFactory): ts.Block =>
  factory.createBlock([beat(factory), ...(ts.isBlock(body) ? body.statements : [body])]);

/** After the directives, which have to stay first; before what an arrow function returns. */
function bodyWithBeat(body: ts.ConciseBody, factory: ts.NodeFactory): ts.ConciseBody {
  if (!ts.isBlock(body)) {
    const isOver = factory.createLogicalAnd(nothingLeft(factory), look(factory));
    return factory.createParenthesizedExpression(factory.createComma(isOver, body));
  }
  const { statements } = body;
  const first = statements.findIndex(
    (statement) =>
      !ts.isExpressionStatement(statement) || !ts.isStringLiteral(statement.expression),
  );
  const at = first === -1 ? statements.length : first;
  return factory.createBlock([...statements.slice(0, at), beat(factory), ...statements.slice(at)]);
}

/** `if (--__left < 0) __left = __beat();` */
const beat = (factory: ts.NodeFactory): ts.Statement =>
  factory.createIfStatement(nothingLeft(factory), factory.createExpressionStatement(look(factory)));

/** `__left = __beat()` */
const look = (factory: ts.NodeFactory): ts.Expression =>
  factory.createAssignment(
    factory.createIdentifier(LEFT),
    factory.createCallExpression(factory.createIdentifier('__beat'), undefined, []),
  );

/** `--__left < 0` */
const nothingLeft = (factory: ts.NodeFactory): ts.Expression =>
  factory.createLessThan(
    factory.createPrefixDecrement(factory.createIdentifier(LEFT)),
    factory.createNumericLiteral(0),
  );
