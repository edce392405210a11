import ts from 'typescript';
import { BOX_SUFFIX } from './boxes';
import type { CellProgram } from './cell-program';
import { type CellSource, lastExpression, parse } from './cell-source';
import { earlierNames, type Live } from './earlier';
import type { CellMap } from './source-map';

const Kind = ts.SyntaxKind;

/**
 * The program of a cell, checked and found good, that is made of expressions of JavaScript alone: its own text, with
 * the boxes of earlier names put in, and its last value handed to the cell's object.
 *
 * Any other cell goes through the compiler's printer, up to four times, which takes longer than the check; then this
 * returns `undefined`. Nothing in these expressions opens a scope, so that a name is that of an earlier cell wherever
 * it stands for a value.
 */
export function plainCell(
  cell: CellSource,
  live: ReadonlyMap<string, Live>,
): CellProgram | undefined {
  if (cell.imports || cell.global || cell.modules.length > 0 || cell.declared.size > 0) return;
  // Lines are those that end with \n below.
  if (/^#!|[\r\u2028\u2029]/.test(cell.text)) return;
  const earlier = earlierNames(cell, live);
  if (earlier.some(([, { value }]) => !value)) return;
  const file = parse(cell.text);
  const last = lastExpression(file, cell.text.length);
  if (!last) return;
  const names = new Set(earlier.map(([name]) => name));
  const edits: Edit[] = [];
  const starts: number[] = [];
  for (const statement of file.statements) {
    if (ts.isEmptyStatement(statement)) continue;
    if (!ts.isExpressionStatement(statement)) return;
    const { expression } = statement;
    const start = expression.getStart(file);
    // What begins with a parenthesis would be the arguments of a call of what stands above it.
    edits.push({ at: start, put: statement === last ? ';__implicit_cell__.result(' : ';' });
    if (!readPlain(expression, file, names, { edits, starts })) return;
    if (statement === last) edits.push({ at: expression.end, put: ')' });
  }
  const used = [...names].filter((name) => edits.some((edit) => edit.name === name));
  const boxes = used.map(
    (name) => `${name}${BOX_SUFFIX} = __implicit_cell__.box(${JSON.stringify(name)})`,
  );
  const head = ['"use strict";', ...(boxes.length > 0 ? [`const ${boxes.join(', ')};`] : [])];
  const { text, map } = edited(file, edits, starts, cell.shift);
  return { code: [...head, text].join('\n'), map: [...head.map(() => []), ...map] };
}

/** A text that is put in at a place of the cell, instead of a name where there is one. */
interface Edit {
  at: number;
  put: string;
  name?: string;
}

interface Found {
  edits: Edit[];
  /** Where its nodes begin. */
  starts: number[];
}

/** Notes the names of earlier cells in an expression; false where it is more than plain. */
function readPlain(
  node: ts.Node,
  file: ts.SourceFile,
  names: ReadonlySet<string>,
  { edits, starts }: Found,
): boolean {
  const start = node.getStart(file);
  const seesAll = (...nodes: (ts.Node | undefined)[]) =>
    nodes.every((one) => !one || readPlain(one, file, names, { edits, starts }));
  starts.push(start);
  if (ts.isIdentifier(node)) {
    const name = node.text;
    // Written with an escape it is another text than its name.
    if (name === 'arguments' || node.end - start !== name.length) return false;
    if (!names.has(name)) return true;
    const value = `${name}${BOX_SUFFIX}.${name}`;
    const isCalled = ts.isCallExpression(node.parent) && node.parent.expression === node;
    // A function of an earlier cell is called without `this`, as by its bare name.
    edits.push({ at: start, put: isCalled ? `(0, ${value})` : value, name });
    return true;
  }
  if (ts.isPropertyAccessExpression(node)) {
    if (!ts.isIdentifier(node.name)) return false;
    starts.push(node.name.getStart(file));
    return seesAll(node.expression);
  }
  if (ts.isCallExpression(node)) {
    return !node.typeArguments && isCallee(node.expression) && seesAll(...children(node));
  }
  if (ts.isNewExpression(node)) return !node.typeArguments && seesAll(...children(node));
  if (ts.isBinaryExpression(node)) {
    const { kind } = node.operatorToken;
    const assigns = kind >= Kind.FirstAssignment && kind <= Kind.LastAssignment;
    starts.push(node.operatorToken.getStart(file));
    return !assigns && seesAll(node.left, node.right);
  }
  if (ts.isPrefixUnaryExpression(node)) {
    const { operator } = node;
    const counts = operator === Kind.PlusPlusToken || operator === Kind.MinusMinusToken;
    return !counts && seesAll(node.operand);
  }
  if (ts.isConditionalExpression(node)) {
    return seesAll(node.condition, node.whenTrue, node.whenFalse);
  }
  if (ts.isPropertyAssignment(node)) {
    const isNamed = ts.isIdentifier(node.name) || ts.isStringLiteral(node.name);
    return isNamed && seesAll(node.initializer);
  }
  if (LEAVES.has(node.kind)) return true;
  return WHOLE.has(node.kind) && seesAll(...children(node));
}

/** What may be called: `this` inside is what stands before the last dot, or nothing. */
const isCallee = (node: ts.Expression): boolean =>
  ts.isIdentifier(node) ||
  ts.isPropertyAccessExpression(node) ||
  ts.isElementAccessExpression(node) ||
  ts.isCallExpression(node);

const LEAVES = new Set<ts.SyntaxKind>([
  Kind.NumericLiteral,
  Kind.BigIntLiteral,
  Kind.StringLiteral,
  Kind.NoSubstitutionTemplateLiteral,
  Kind.RegularExpressionLiteral,
  Kind.TemplateHead,
  Kind.TemplateMiddle,
  Kind.TemplateTail,
  Kind.TrueKeyword,
  Kind.FalseKeyword,
  Kind.NullKeyword,
  Kind.OmittedExpression,
  Kind.QuestionDotToken,
]);

/** These are plain where all inside is. */
const WHOLE = new Set<ts.SyntaxKind>([
  Kind.ParenthesizedExpression,
  Kind.ElementAccessExpression,
  Kind.ArrayLiteralExpression,
  Kind.ObjectLiteralExpression,
  Kind.SpreadElement,
  Kind.SpreadAssignment,
  Kind.TemplateExpression,
  Kind.TemplateSpan,
  Kind.TypeOfExpression,
  Kind.VoidExpression,
  Kind.AwaitExpression,
]);

function children(node: ts.Node): ts.Node[] {
  const found: ts.Node[] = [];
  ts.forEachChild(node, (child) => void found.push(child));
  return found;
}

/** The text of a cell with its edits, and where each node of it comes from. */
function edited(
  file: ts.SourceFile,
  edits: readonly Edit[],
  starts: readonly number[],
  shift: number,
): { text: string; map: CellMap } {
  // In the order of their places; at one place, in that in which they were noted.
  const inOrder = [...edits].sort((a, b) => a.at - b.at);
  const places = [...new Set(starts)].sort((a, b) => a - b);
  const map: CellMap = file.getLineStarts().map(() => []);
  let text = '';
  let done = 0;
  let next = 0;
  const copyTo = (end: number) => {
    text += file.text.slice(done, end);
    done = end;
  };
  const note = (place: number) => {
    const { line, character } = file.getLineAndCharacterOfPosition(place);
    const column = text.length - (text.lastIndexOf('\n') + 1);
    map[line]!.push([column, line, line === 0 ? Math.max(0, character - shift) : character]);
  };
  for (const { at, put, name } of inOrder) {
    for (; next < places.length && places[next]! < at; next++) {
      copyTo(places[next]!);
      note(places[next]!);
    }
    copyTo(at);
    if (name !== undefined) {
      if (places[next] === at) note(places[next++]!);
      done += name.length;
    }
    text += put;
  }
  for (; next < places.length; next++) {
    copyTo(places[next]!);
    note(places[next]!);
  }
  copyTo(file.text.length);
  return { text, map };
}
