import ts from 'typescript';

export const f = ts.factory;

export function callCell(method: string, values: ts.Expression[]): ts.Expression {
  const callee = f.createPropertyAccessExpression(f.createIdentifier('__implicit_cell__'), method);
  return f.createCallExpression(callee, undefined, values);
}

/** Keeps the place in the source for the source map. */
export function at<N extends ts.Node>(node: N, original: ts.Node): N {
  return ts.setTextRange(node, original);
}
