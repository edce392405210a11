import ts from 'typescript';

/** What a function is called by: its own name, or that of what it is assigned to. */
export function nameOf(node: ts.Node): string | undefined {
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
export function recursiveNames(file: ts.SourceFile): Set<string> {
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

/** The names of what is passed to functions, which may call it endlessly. */
export function argumentNames(file: ts.SourceFile): Set<string> {
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

export type WithBody =
  | ts.FunctionDeclaration
  | ts.FunctionExpression
  | ts.ArrowFunction
  | ts.MethodDeclaration
  | ts.ConstructorDeclaration
  | ts.AccessorDeclaration;

export const isFunction = (node: ts.Node): node is WithBody =>
  ts.isFunctionDeclaration(node) ||
  ts.isFunctionExpression(node) ||
  ts.isArrowFunction(node) ||
  ts.isMethodDeclaration(node) ||
  ts.isConstructorDeclaration(node) ||
  ts.isAccessor(node);

/** Whether it is passed to another function, by itself or in an object. */
export function isHandedOn(node: ts.Node): boolean {
  const { parent } = node;
  if (ts.isPropertyAssignment(parent)) return isHandedOn(parent);
  if (ts.isObjectLiteralExpression(parent)) return isHandedOn(parent);
  if (!ts.isCallExpression(parent) && !ts.isNewExpression(parent)) return false;
  return parent.arguments?.some((argument) => argument === node) === true;
}
