import ts from 'typescript';
import type { Live } from './earlier';
import type { Project } from './project';
import { signatureHelpAt } from './signature';

/**
 * What is known of the name at `position` of a cell, or, between the parentheses of a call, of what
 * the call takes.
 */
export function inspectionAt(
  project: Project,
  code: string,
  position: number,
  shift: number,
  live: ReadonlyMap<string, Live>,
): string | undefined {
  const inWord = /[\w$]/;
  const touched = inWord.test(code[position] ?? '') || inWord.test(code[position - 1] ?? '');
  if (!touched) {
    const signature = signatureHelpAt(project, position + shift);
    if (signature) return signature;
  }
  const at = wordBefore(code, position);
  const info = infoAt(project, at + shift, shift, live);
  if (info && !isUnknown(info)) return textOf(info);
  const type = typeAt(project, code, at, live);
  if (type) return textOf(type);
  return signatureHelpAt(project, position + shift);
}

/** A variable of an earlier cell is asked about where it was declared: there is its documentation. */
function infoAt(
  project: Project,
  position: number,
  shift: number,
  live: ReadonlyMap<string, Live>,
): ts.QuickInfo | undefined {
  const { service, cell } = project;
  const info = service.getQuickInfoAtPosition(cell, position);
  if (!info) return undefined;
  const definition = service.getDefinitionAtPosition(cell, position)?.[0];
  const isEarlier = definition?.fileName === cell && definition.textSpan.start < shift;
  const known = isEarlier ? live.get(definition.name) : undefined;
  if (!known) return info;
  const path = project.pathOf(known.cell);
  const file = project.program().getSourceFile(path);
  const at = file && declarationOf(file, definition!.name);
  return (at === undefined ? undefined : service.getQuickInfoAtPosition(path, at)) ?? info;
}

/** Of a name that means nothing where it is, or nothing at all, `any` is said. */
function isUnknown({ kind, displayParts }: ts.QuickInfo): boolean {
  return kind === ts.ScriptElementKind.unknown && ts.displayPartsToString(displayParts) === 'any';
}

/** The name of a type of an earlier cell, where a value belongs: by itself it is one. */
function typeAt(
  project: Project,
  code: string,
  at: number,
  live: ReadonlyMap<string, Live>,
): ts.QuickInfo | undefined {
  const name = `${/[\w$]*$/.exec(code.slice(0, at))![0]}${/^[\w$]*/.exec(code.slice(at))![0]}`;
  const known = live.get(name);
  if (!known?.type) return undefined;
  const path = project.pathOf(known.cell);
  const file = project.program().getSourceFile(path);
  const declaration = file?.statements.find(
    (one): one is ts.InterfaceDeclaration | ts.TypeAliasDeclaration =>
      (ts.isInterfaceDeclaration(one) || ts.isTypeAliasDeclaration(one)) && one.name.text === name,
  );
  if (!file || !declaration) return undefined;
  return project.service.getQuickInfoAtPosition(path, declaration.name.getStart(file));
}

function declarationOf(file: ts.SourceFile, name: string): number | undefined {
  let found: number | undefined;
  const visit = (node: ts.Node): void => {
    if (found !== undefined || ts.isFunctionLike(node) || ts.isClassLike(node)) return;
    if (
      (ts.isVariableDeclaration(node) || ts.isBindingElement(node)) &&
      ts.isIdentifier(node.name) &&
      node.name.text === name
    ) {
      found = node.name.getStart(file);
    } else {
      ts.forEachChild(node, visit);
    }
  };
  visit(file);
  return found;
}

function textOf(info: ts.QuickInfo): string {
  const tags = (info.tags ?? []).map(({ name, text }) =>
    `@${name} ${ts.displayPartsToString(text)}`.trim(),
  );
  const parts = [ts.displayPartsToString(info.displayParts)];
  parts.push(ts.displayPartsToString(info.documentation), tags.join('\n'));
  return parts
    .filter((part) => part !== '')
    .join('\n\n')
    .replace(/import\("[^"]*\/~cell(?:-\d+)?"\)\./g, '')
    .replace(/^\(alias\) ([\s\S]*?)\nimport \w+$/m, '$1');
}

/** Inspecting just behind a name means the name: `f(|` asks about `f`. */
function wordBefore(code: string, position: number): number {
  const inWord = /[\w$]/;
  if (inWord.test(code[position] ?? '')) return position;
  const before = code.slice(0, position).replace(/[\s(]+$/, '');
  return before === '' ? position : before.length - 1;
}
