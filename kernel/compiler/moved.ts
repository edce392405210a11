import ts from 'typescript';
import type { Project } from './project';

/** A name that a cell imports from a package which it has moved out of. */
export interface Moved {
  name: string;
  from: string;
  to: string;
}

/** TypeScript's numbers for the import of a name that a module does not export. */
const NO_EXPORT = new Set([2305, 2614, 2724]);

/**
 * The imports among the errors of a cell that another package has now.
 *
 * The package that lost them names the other one in its package.json:
 * `"implicit-kernel": { "moved": "other" }`.
 */
export function movedNames(project: Project, errors: readonly ts.Diagnostic[]): Moved[] {
  const found: Moved[] = [];
  const exported = new Map<string, ReadonlySet<string>>();
  for (const { code, messageText } of errors) {
    if (!NO_EXPORT.has(code)) continue;
    const message = ts.flattenDiagnosticMessageText(messageText, '\n');
    const [, from, name] = /'"([^"]+)"'.*? member (?:named )?'([^']+)'/.exec(message) ?? [];
    const to = from && name ? otherPackage(project, from) : undefined;
    if (!from || !name || !to) continue;
    if (!exported.has(to)) exported.set(to, exportsOf(project, to));
    if (exported.get(to)!.has(name)) found.push({ name, from, to });
  }
  return found;
}

/** One sentence for all of them. */
export function adviceOnMoved(moved: readonly [Moved, ...Moved[]]): string {
  const [{ from, to }] = moved;
  const names = [...new Set(moved.map(({ name }) => name))];
  const [last, ...rest] = [...names].reverse();
  const list = rest.length === 0 ? `${last} is` : `${rest.reverse().join(', ')} and ${last} are`;
  return `${list} in the package ${to} now, no longer in ${from}: import { ${names.join(', ')} } from '${to}';`;
}

function otherPackage(project: Project, name: string): string | undefined {
  const { resolvedModule } = project.resolve(name);
  if (!resolvedModule) return undefined;
  let folder = resolvedModule.resolvedFileName;
  while (folder !== '') {
    folder = folder.slice(0, folder.lastIndexOf('/'));
    const text = project.sources.text(`${folder}/package.json`);
    if (text === undefined) continue;
    const { config = {} } = ts.parseConfigFileTextToJson('package.json', text);
    const to: unknown = config['implicit-kernel']?.moved;
    return typeof to === 'string' ? to : undefined;
  }
  return undefined;
}

/** The names that a package exports. The cell is another one afterwards. */
function exportsOf(project: Project, name: string): ReadonlySet<string> {
  project.setCell(`export * from '${name}';`);
  const program = project.program();
  const checker = program.getTypeChecker();
  const module = checker.getSymbolAtLocation(program.getSourceFile(project.cell)!);
  return new Set(module ? checker.getExportsOfModule(module).map(({ name }) => name) : []);
}
