import ts from 'typescript';

/** Rounds of a quick loop between two looks for an interrupt: in fewer, looks would take longer than the rest. */
const ROUNDS = 65_536;

/** A label and a variable: portions are never inside each other. */
const LOOP = '__loop';
const ROUND = '__round';

type Loop = ts.ForStatement | ts.WhileStatement | ts.DoStatement;

export const isPlainLoop = (node: ts.Node): node is Loop =>
  ts.isForStatement(node) || ts.isWhileStatement(node) || ts.isDoStatement(node);

/**
 * A loop whose rounds are over at once, in portions of 65,536 rounds with a beat after each:
 *
 *     __loop: for (let i = 0; ; beat) {
 *       for (let __round = 0; __round < 65536; __round++, i++) { if (!(i < n)) break __loop; … }
 *     }
 *
 * A beat within the loop would take longer than the rest: an engine makes slow code of a tight loop that has a call in
 * it, even one that is hardly ever reached. The condition is asked once a round, as before.
 *
 * @param loop as it is in the source
 * @param visited the same loop, with what is inside it already transformed
 * @returns undefined where a round may take long, or the loop cannot be taken apart
 */
export function inPortions(
  loop: Loop,
  visited: Loop,
  beat: ts.Expression,
  context: ts.TransformationContext,
): ts.Statement | undefined {
  if (!canBeApart(loop)) return undefined;
  const { factory } = context;
  const body = leavingBoth(visited.statement, labelsOf(loop), context);
  const statements = ts.isBlock(body) ? body.statements : [body];
  const isOver = conditionOf(visited);
  const leave =
    isOver &&
    factory.createIfStatement(
      factory.createLogicalNot(factory.createParenthesizedExpression(isOver)),
      factory.createBreakStatement(LOOP),
    );
  const round = factory.createIdentifier(ROUND);
  const next = factory.createPostfixIncrement(round);
  const incrementor = ts.isForStatement(visited) ? visited.incrementor : undefined;
  const portion = factory.createForStatement(
    factory.createVariableDeclarationList(
      [
        factory.createVariableDeclaration(
          round,
          undefined,
          undefined,
          factory.createNumericLiteral(0),
        ),
      ],
      ts.NodeFlags.Let,
    ),
    factory.createLessThan(round, factory.createNumericLiteral(ROUNDS)),
    incrementor ? factory.createComma(next, incrementor) : next,
    factory.createBlock(
      ts.isDoStatement(visited)
        ? [...statements, ...(leave ? [leave] : [])]
        : [...(leave ? [leave] : []), ...statements],
    ),
  );
  return factory.createLabeledStatement(
    LOOP,
    factory.createForStatement(
      ts.isForStatement(visited) ? visited.initializer : undefined,
      undefined,
      beat,
      factory.createBlock([portion]),
    ),
  );
}

const conditionOf = (loop: Loop): ts.Expression | undefined =>
  ts.isForStatement(loop) ? loop.condition : loop.expression;

/** Whether no round takes long, and no function holds a variable of the loop, which has one for each round. */
function canBeApart(loop: Loop): boolean {
  const parts = ts.isForStatement(loop)
    ? [loop.condition, loop.incrementor, loop.statement]
    : [loop.expression, loop.statement];
  if (!parts.every((part) => !part || isQuick(part))) return false;
  if (ts.isForStatement(loop)) return !loop.initializer || !holds(loop.initializer, isClosure);
  // From there a `do` loop goes on with its condition.
  return !ts.isDoStatement(loop) || !holds(loop.statement, ts.isContinueStatement);
}

/** Whether a round is over at once: there is neither another loop in it nor a call, those of `Math` excepted. */
function isQuick(node: ts.Node): boolean {
  return !holds(node, takesLong);
}

function takesLong(node: ts.Node): boolean {
  if (ts.isIterationStatement(node, false) || isClosure(node)) return true;
  if (ts.isNewExpression(node) || ts.isTaggedTemplateExpression(node)) return true;
  if (ts.isAwaitExpression(node) || ts.isYieldExpression(node)) return true;
  if (ts.isSpreadElement(node)) return true;
  if (!ts.isCallExpression(node)) return false;
  const { expression } = node;
  const isMath =
    ts.isPropertyAccessExpression(expression) && expression.expression.getText() === 'Math';
  return !isMath;
}

const isClosure = (node: ts.Node): boolean => ts.isFunctionLike(node) || ts.isClassLike(node);

const holds = (node: ts.Node, isMeant: (node: ts.Node) => boolean): boolean =>
  isMeant(node) || ts.forEachChild(node, (child) => holds(child, isMeant)) === true;

/** The labels in front of a loop. */
function labelsOf({ parent }: ts.Node): ReadonlySet<string> {
  if (!ts.isLabeledStatement(parent)) return new Set();
  return new Set([parent.label.text, ...labelsOf(parent)]);
}

/** The body of a loop that has become two: `break` leaves both, `continue` goes on with the inner one. */
function leavingBoth(
  body: ts.Statement,
  labels: ReadonlySet<string>,
  context: ts.TransformationContext,
): ts.Statement {
  const { factory } = context;
  const visit =
    (isInSwitch: boolean) =>
    (node: ts.Node): ts.Node => {
      if (ts.isBreakStatement(node) && !node.label && !isInSwitch) {
        return factory.updateBreakStatement(node, factory.createIdentifier(LOOP));
      }
      if (ts.isContinueStatement(node) && node.label && labels.has(node.label.text)) {
        return factory.updateContinueStatement(node, undefined);
      }
      return ts.visitEachChild(node, visit(isInSwitch || ts.isSwitchStatement(node)), context);
    };
  return ts.visitNode(body, visit(false), ts.isStatement);
}
