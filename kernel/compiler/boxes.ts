import ts from 'typescript';
import { at, callCell, f } from './cell-calls';

/** What follows a name in the name of its box; the child takes it out of error messages. */
export const BOX_SUFFIX = '__implicit_box';

/** Replaces each `exports.x` by `x__implicit_box.x`, with the boxes fetched once, at the beginning. */
export function useBoxes(file: ts.SourceFile, context: ts.TransformationContext): ts.SourceFile {
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
