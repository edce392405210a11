import ts from 'typescript';

/** Names that say nothing of what is compared. */
const COMMON = new Set(
  'holds Math Number Object Array length map every some filter flatMap slice at max min abs values entries fromEntries middle low high spreadOf'.split(
    ' ',
  ),
);

/**
 * The claims of a lesson's code that cannot be false, or whose numbers have nothing to do with what
 * decides them: `holds` is a constant, compares something with itself, or shares no name with the
 * numbers next to it, even if names are followed to what declares them.
 */
export function looseClaims(code: string): string[] {
  const file = ts.createSourceFile('lesson.ts', code, ts.ScriptTarget.Latest, true);
  const declared = declarations(file);
  const loose: string[] = [];
  visit(file, (node) => {
    if (!ts.isObjectLiteralExpression(node)) return;
    const claim = callOf(node);
    const holds = node.properties.find((one) => one.name?.getText() === 'holds');
    if (!claim || !holds) return;
    const numbers = node.properties.filter((one) => one !== holds);
    const behind = (nodes: readonly ts.Node[]) => followed(nodes.flatMap(namesIn), declared);
    const shared = behind(numbers);
    const related = [...behind([holds])].some((name) => !COMMON.has(name) && shared.has(name));
    if (!related || comparesWithItself(holds)) loose.push(claim.arguments[0]!.getText());
  });
  return loose;
}

/** The call of `claim` that a record is returned to. */
function callOf(node: ts.Node): ts.CallExpression | undefined {
  for (let at: ts.Node | undefined = node; at; at = at.parent) {
    if (ts.isCallExpression(at) && at.expression.getText() === 'claim') return at;
  }
  return undefined;
}

function comparesWithItself(node: ts.Node): boolean {
  let found = false;
  visit(node, (one) => {
    if (ts.isBinaryExpression(one) && one.left.getText() === one.right.getText()) found = true;
  });
  return found;
}

/** What each name is declared by. */
function declarations(file: ts.Node): Map<string, string[]> {
  const declared = new Map<string, string[]>();
  visit(file, (node) => {
    const body = ts.isVariableDeclaration(node)
      ? node.initializer
      : ts.isFunctionDeclaration(node)
        ? node.body
        : undefined;
    if (!body || !(ts.isVariableDeclaration(node) || ts.isFunctionDeclaration(node))) return;
    for (const name of node.name ? namesIn(node.name) : []) declared.set(name, namesIn(body));
  });
  return declared;
}

/** Names with those that they are declared by, three times over. */
function followed(names: readonly string[], declared: Map<string, string[]>): Set<string> {
  const all = new Set(names);
  for (let times = 0; times < 3; times++) {
    for (const name of [...all]) for (const next of declared.get(name) ?? []) all.add(next);
  }
  return all;
}

function namesIn(node: ts.Node): string[] {
  const names: string[] = [];
  visit(node, (one) => {
    if (ts.isIdentifier(one)) names.push(one.text);
  });
  return names;
}

function visit(node: ts.Node, see: (node: ts.Node) => void): void {
  see(node);
  ts.forEachChild(node, (child) => visit(child, see));
}
