import ts from 'typescript';
import type { Live } from './earlier';
import type { View } from './lasting';
import { globalsOfNode } from './node-types';
import type { Project } from './project';
import { signatureAt } from './signature';

/** What may stand at a place in a cell. Positions are those of the cell. */
export interface Completions {
  matches: string[];
  /** Of each match, what it is: `function`, `const`, `property`, … */
  kinds: string[];
  start: number;
  end: number;
  /** Between the parentheses of a call: what it takes. */
  signature?: string;
}

type Found = { name: string; kind: string; rank: string };

/** @param shift how many characters stand before the cell in `text`. */
export function completionsAt(
  project: Project,
  { file, entriesAt }: View,
  text: string,
  position: number,
  shift: number,
  live: ReadonlyMap<string, Live>,
): Completions {
  const literal = literalAt(file, position);
  const word = /[\w$\p{L}]*$/u.exec(text.slice(0, position))![0];
  const start = literal ? literal.start : position - word.length;
  const end = literal
    ? literal.end
    : position + /^[\w$\p{L}]*/u.exec(text.slice(position))![0].length;
  const typed = text.slice(start, position);
  const place = { start: start - shift, end: end - shift };
  const atArgument = !literal && word === '' && /[(,]\s*$/.test(text.slice(0, position));
  const signature = atArgument ? signatureAt(project, position) : undefined;
  const { entries, everything } = readEntries(entriesAt(position, PREFERENCES), typed);
  const found = entries.filter(
    // Only what the parameter itself asks for.
    ({ rank }) => signature === undefined || rank < FROM_SCOPE,
  );
  if (literal && /^(?:\.{0,2}\/)/.test(typed)) found.push(...pathsAt(project, typed));
  // Behind the dot of something unknown there is nothing to offer.
  const ofMember = /(?:^|[^.])\.\s*$/.test(text.slice(0, start));
  if (!literal && !ofMember && everything && signature === undefined) {
    found.push(...earlier(live, file, position));
    if (!project.hasNodeTypes) found.push(...globalNames());
  }
  // A name of a cell hides the global one.
  const byName = new Map<string, Found>();
  for (const one of found) {
    if (!matches(one.name, typed)) continue;
    const before = byName.get(one.name);
    if (!before || one.rank < before.rank) byName.set(one.name, one);
  }
  const sorted = [...byName.values()].sort(
    (a, b) => compare(a.rank, b.rank) || compare(a.name, b.name),
  );
  return {
    matches: sorted.map(({ name }) => name),
    kinds: sorted.map(({ kind }) => kind),
    ...place,
    ...(signature === undefined ? {} : { signature }),
  };
}

/** The language service ranks what is in scope and what is global from here on. */
const FROM_SCOPE = '11';
const OF_EARLIER_CELLS = '11';
const AMONG_GLOBALS = '15';

/** A value and a type. */
const IN_EVERY_SCOPE = 'Array';

const PREFERENCES: ts.GetCompletionsAtPositionOptions = {
  includeCompletionsForModuleExports: false,
  includeCompletionsForImportStatements: false,
  includeCompletionsWithInsertText: false,
  includeExternalModuleExports: false,
};

/** The cell as the language service sees it. */
export function viewOfService(project: Project): View {
  const { service, cell } = project;
  return {
    file: project.program().getSourceFile(cell)!,
    entriesAt: (position, preferences) =>
      service.getCompletionsAtPosition(cell, position, preferences),
  };
}

/** What TypeScript offers, and whether that is all that is in scope. */
function readEntries(
  info: ts.CompletionInfo | undefined,
  typed: string,
): { entries: Found[]; everything: boolean } {
  const directory = typed.slice(0, typed.lastIndexOf('/') + 1);
  const entries = (info?.entries ?? []).flatMap(
    ({ name, kind, sortText, kindModifiers = '' }): Found[] => {
      if (name.startsWith('~cell')) return [];
      // What is only a declaration of types is not a completion of a value's place, but harmless.
      const inPath =
        kind === ts.ScriptElementKind.scriptElement || kind === ts.ScriptElementKind.directory;
      const isPath = inPath || kind === ts.ScriptElementKind.externalModuleName;
      const bare = inPath && !name.startsWith(directory) ? `${directory}${name}` : name;
      return [
        {
          name: isPath ? bare : name,
          kind: `${kind}${kindModifiers === 'deprecated' ? ' (deprecated)' : ''}`,
          rank: sortText,
        },
      ];
    },
  );
  return { entries, everything: !info || entries.some(({ name }) => name === IN_EVERY_SCOPE) };
}

/** What the types of Node.js would add. */
function globalNames(): Found[] {
  return globalsOfNode().map((name) => ({ name, kind: 'var', rank: AMONG_GLOBALS }));
}

function earlier(live: ReadonlyMap<string, Live>, file: ts.SourceFile, position: number): Found[] {
  const node = tokenAt(file, position);
  // Inside the braces of an import or a pattern, other names are asked for.
  if (
    node &&
    ts.findAncestor(node, (one) => ts.isImportDeclaration(one) || ts.isObjectBindingPattern(one))
  ) {
    return [];
  }
  return [...live].map(([name, { kind }]) => ({
    name,
    kind: kind === 'other' ? 'module' : kind,
    rank: OF_EARLIER_CELLS,
  }));
}

/** Files and folders, for a text that begins like a path. */
function pathsAt(project: Project, typed: string): Found[] {
  const directory = typed.slice(0, typed.lastIndexOf('/') + 1);
  const root = directory.startsWith('/') ? directory : `${project.directory}/${directory}`;
  const { files, directories } = project.sources.entries(root);
  return [
    ...directories.map((name) => ({ name: `${directory}${name}/`, kind: 'directory', rank: '2' })),
    ...files.map((name) => ({ name: `${directory}${name}`, kind: 'file', rank: '2' })),
  ].filter(({ name }) => !name.includes('~cell') && !name.slice(directory.length).startsWith('.'));
}

/** The text between quotes around `position`. */
function literalAt(
  file: ts.SourceFile,
  position: number,
): { start: number; end: number } | undefined {
  const node = tokenAt(file, position);
  if (!node || !ts.isStringLiteralLike(node) || node.getStart(file) >= position) return undefined;
  const closed = node.end - 1 > node.getStart(file) && /['"`]/.test(file.text.charAt(node.end - 1));
  const end = closed ? node.end - 1 : node.end;
  if (position > end) return undefined;
  // What follows the cursor on the line of an open text is code.
  return { start: node.getStart(file) + 1, end: closed ? end : position };
}

function tokenAt(file: ts.SourceFile, position: number): ts.Node | undefined {
  let found: ts.Node | undefined;
  const visit = (node: ts.Node): void => {
    if (node.pos < position && position <= node.end) {
      found = node;
      ts.forEachChild(node, visit);
    }
  };
  ts.forEachChild(file, visit);
  return found;
}

function matches(name: string, typed: string): boolean {
  return name.startsWith(typed);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
