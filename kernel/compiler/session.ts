import type ts from 'typescript';
import { adviceFor } from './advice';
import { type CellModule, type CellProgram, cellProgram } from './cell-program';
import { type CellSource, parse, readCell, syntaxErrorsOf } from './cell-source';
import { completeness } from './completeness';
import { type Completions, completionsAt, viewOfService } from './completion';
import { type Diagnostic, diagnosticIn } from './diagnostics';
import { type Live, surroundings } from './earlier';
import { emitCell, transpileCell } from './emit';
import type { Surroundings } from './files';
import { inspectionAt } from './inspection';
import { LastingChecker, type View } from './lasting';
import { adviceOnMoved, movedNames } from './moved';
import { asksForNode } from './node-types';
import { plainCell } from './plain-cell';
import { type Parsed, Project } from './project';
import { isUntyped } from './resolution';
import { namesExportedBy } from './shared-names';
import { encodeMappings } from './source-map';
import { isPackaged } from './sources';

/** The result of compiling a cell. */
export type Compiled =
  | {
      ok: true;
      code: string;
      mappings: string;
      imports: boolean;
      /** Where names of modules lead that Node.js would not find: `paths` of a `tsconfig.json`. */
      paths?: Record<string, string>;
      /** What the reader should know, though the cell runs. */
      advice: string[];
    }
  | { ok: false; diagnostics: Diagnostic[] };

/** What a cell has left for later ones, so that another session can take it over. */
export interface Committed {
  id: number;
  text: string;
  global: boolean;
  live: [name: string, live: Live][];
  modules: [name: string, text: string][];
}

/** A cell that is to be compiled: as it was typed, with what is put around it, and as it was read. */
interface Asked {
  code: string;
  text: string;
  cell: CellSource;
}

/** A cell as it was compiled, and the names in it that hold values. */
interface Known {
  result: Compiled;
  values: ReadonlySet<string>;
}

const MOST_REMEMBERED = 200;

/** TypeScript's number for a package that has no types. */
const NO_TYPES = 7016;

/**
 * And for a variable that got no type where it was declared: `const losses = []` takes one from what
 * its own cell does with it, and is `any[]` in later ones.
 */
const UNTYPED_VARIABLE = 7005;

/** Lines that the child puts before the code of a cell; its source map skips them. */
export const LINES_BEFORE_CODE = 1;

/**
 * The TypeScript side of a kernel: it knows what the cells so far have declared.
 *
 * A cell's declarations count only after `commit`: it ran, wholly or in part.
 */
export class Session {
  private project: Project;
  private readonly live = new Map<string, Live>();
  private readonly modules = new Map<string, string>();
  private readonly kept = new Map<number, Committed>();
  private readonly compiled = new Map<string, Known>();
  private readonly advised = new Set<string>();
  /** The kept cells that import. */
  private readonly imports = new Set<number>();
  private lasting: LastingChecker;
  private pending: { cell: CellSource; text: string; values: ReadonlySet<string> } | undefined;

  /** @param parsed files that another session has read; its own if it is left out. */
  constructor(
    private readonly surroundings: Surroundings,
    parsed?: Parsed,
  ) {
    this.project = new Project(surroundings, parsed);
    this.lasting = new LastingChecker(this.project);
    // The first check of a program is slow; let it happen before the first cell.
    this.compile('0');
  }

  /** The files that it has read and parsed, for another session. */
  get parsed(): Parsed {
    return this.project.parsed;
  }

  /** Checks a cell and makes it executable. */
  compile(cell: string): Compiled {
    try {
      return this.tryCompile(cell);
    } catch {
      // An error inside the compiler can leave it in a state that no later cell gets it out of.
      this.renew();
      return this.tryCompile(cell);
    }
  }

  /**
   * Keeps the declarations of the cell compiled last.
   *
   * @param made the names it came to declare, where it failed; all of them when left out.
   */
  commit(made?: readonly string[]): Committed | undefined {
    if (!this.pending) return undefined;
    const { cell, text, values } = this.pending;
    this.pending = undefined;
    const came = made && new Set(made);
    const id = this.nextId();
    const live = [...cell.declared].flatMap(([name, { kind, type }]): [string, Live][] => {
      const value = values.has(name);
      if (value && came && !came.has(name)) return [];
      return [[name, { cell: id, kind, type, value }]];
    });
    const modules = cell.modules.map(({ name, text }): [string, string] => [name, text]);
    const committed = { id, text, global: cell.global, live, modules };
    this.keep(committed);
    if (isSimple(cell)) this.lasting.keep(id);
    return committed;
  }

  /** Takes over what another session had come to know. */
  restore(cells: readonly Committed[]): void {
    for (const cell of cells) this.keep(cell);
  }

  /** Forgets all cells: their variables are lost. */
  reset(): void {
    this.pending = undefined;
    for (const known of [this.live, this.modules, this.kept, this.imports]) known.clear();
    this.lasting.clear();
    this.project.clear();
    this.compiled.clear();
  }

  complete(code: string, position: number): Completions {
    try {
      const asked = this.ask(code);
      const { text, shift } = asked;
      const find = (): Completions =>
        completionsAt(this.project, this.viewOf(asked), text, position + shift, shift, this.live);
      const found = find();
      return found.matches.length === 0 && this.project.addNodeTypes() ? find() : found;
    } catch {
      // TypeScript fails at some of what is half written: then it has nothing to offer.
      return { matches: [], kinds: [], start: position, end: position };
    }
  }

  private viewOf({ text, isSimple }: { text: string; isSimple: boolean }): View {
    const view = isSimple ? this.lasting.view(text, this.importing()) : undefined;
    this.project.setCell(text);
    return view ?? viewOfService(this.project);
  }

  /** The type and documentation of the name at `position`, or `undefined` where there is none. */
  inspect(code: string, position: number): string | undefined {
    try {
      const { shift } = this.ask(code);
      const find = () => inspectionAt(this.project, code, position, shift, this.live);
      return find() ?? (this.project.addNodeTypes() ? find() : undefined);
    } catch {
      return undefined;
    }
  }

  completeness(code: string): ReturnType<typeof completeness> {
    return completeness(code);
  }

  private tryCompile(code: string): Compiled {
    this.pending = undefined;
    this.lasting.forget();
    if (/\b(?:import|require)\b/.test(code)) this.project.refresh();
    const cell = this.read(code);
    const wrong = syntaxErrorsOf(parse(cell.text));
    if (wrong.length > 0) return { ok: false, diagnostics: this.refusal(code, cell, wrong) };
    if (asksForNode(cell, this.live)) this.project.addNodeTypes();
    const text = this.show(cell);
    const key = `${code}\n${text}\n${this.project.state}`;
    const known = this.compiled.get(key);
    if (known) {
      this.pending = { cell, text, values: known.values };
      return known.result;
    }
    if (isSimple(cell) && this.lasting.accepts(text, this.importing())) {
      const compiled = { code, text, cell };
      const plain = plainCell(cell, this.live);
      if (plain) return this.finish(plain, new Set(), compiled).result;
      const module = transpileCell(text, this.project.compilerOptions, cell, this.live);
      return this.compiledTo(module, compiled).result;
    }
    this.project.setCell(text);
    const program = this.project.program();
    const file = program.getSourceFile(this.project.cell)!;
    const found = program
      .getSemanticDiagnostics(file)
      .filter(({ start = 0 }) => start < cell.text.length || cell.text.length === 0);
    const errors = found.filter(({ code, start = 0, length = 0 }) => {
      const isUntyped =
        code === UNTYPED_VARIABLE && this.live.has(text.slice(start, start + length));
      return code !== NO_TYPES && !isUntyped;
    });
    const inModules = cell.imports ? this.errorsInModules(program) : [];
    if (errors.length > 0 || inModules.length > 0) {
      if (this.project.addNodeTypes()) return this.tryCompile(code);
      const diagnostics = this.refusal(code, cell, errors);
      return { ok: false, diagnostics: [...diagnostics, ...inModules] };
    }
    const compiled = { code, text, cell };
    const plain = plainCell(cell, this.live);
    const { result } = plain
      ? this.finish(plain, new Set(), compiled)
      : this.compiledTo(emitCell(program, file, cell, this.live), compiled);
    return { ...result, advice: this.adviceOnTypes(file, found) };
  }

  private compiledTo(module: CellModule, asked: Asked): { result: Compiled & { ok: true } } {
    const values = new Set(namesExportedBy(parse(module.code)));
    for (const name of module.ambient) values.delete(name);
    return this.finish(cellProgram(module), values, asked);
  }

  /** @param values the names that hold a value once it has run */
  private finish(
    { code: body, map }: CellProgram,
    values: Set<string>,
    { code, text, cell }: Asked,
  ): { result: Compiled & { ok: true } } {
    this.pending = { cell, text, values };
    const result = {
      ok: true as const,
      code: body,
      mappings: encodeMappings(map, LINES_BEFORE_CODE),
      imports: cell.imports,
      advice: [],
      ...this.paths(cell),
    };
    this.remember(`${code}\n${text}\n${this.project.state}`, { result, values });
    return { result };
  }

  /** The kept cells that later ones take names from, and that import. */
  private importing(): number[] {
    const ids = new Set([...this.live.values()].map((live) => live.cell));
    return [...ids].filter((id) => this.imports.has(id)).sort((a, b) => a - b);
  }

  /** A cell that is run again, with the same names and files around it, is not compiled again. */
  private remember(key: string, known: Known): void {
    this.compiled.set(key, known);
    if (this.compiled.size > MOST_REMEMBERED) {
      this.compiled.delete(this.compiled.keys().next().value!);
    }
  }

  private read(code: string): CellSource {
    return readCell(code, (module) => {
      const { resolvedModule } = this.project.resolve(module);
      return resolvedModule !== undefined && !isUntyped(resolvedModule);
    });
  }

  /** Makes a cell the one that is asked about. */
  private show(cell: CellSource): string {
    const text = cell.text + surroundings(cell, this.live);
    const modules = new Map(this.modules);
    for (const { name, text } of cell.modules) modules.set(name, text);
    this.project.setModules([...modules.values()].join('\n'));
    this.project.setCell(text);
    return text;
  }

  /**
   * Makes a cell that is being written the one that is asked about. The names of earlier cells stand
   * before it: behind it, they would become a part of what is still open.
   */
  private ask(code: string): { text: string; shift: number; isSimple: boolean } {
    const cell = this.read(code);
    if (asksForNode(cell, this.live)) this.project.addNodeTypes();
    const before = `${surroundings({ ...cell, declared: new Map(), mentioned: unclaimed(cell) }, this.live)}\n`;
    const text = before + cell.text;
    this.project.setCell(text);
    return { text, shift: before.length + cell.shift, isSimple: isSimple(cell) };
  }

  private refusal(code: string, cell: CellSource, errors: readonly ts.Diagnostic[]): Diagnostic[] {
    if (errors.length === 0) return [];
    const advice = adviceFor(
      code,
      errors.map(({ start = 0 }) => start - cell.shift),
    );
    if (advice) return [advice];
    const diagnostics = errors.map((error) => diagnosticIn(cell.text, cell.shift, error));
    const [first, ...others] = movedNames(this.project, errors);
    if (!first) return diagnostics;
    // What else is wrong may be so because the names are missing.
    return [{ ...diagnostics[0]!, code: 0, messageText: adviceOnMoved([first, ...others]) }];
  }

  /**
   * Errors in the modules that the cell imports from below the notebook's folder, or by a path, and in those
   * that these import by a path. Packages are not checked.
   */
  private errorsInModules(program: ts.Program): Diagnostic[] {
    const beside = `${this.surroundings.directory}/`;
    const own = this.project.importedByPath(program);
    const files = program.getSourceFiles().filter(({ fileName }) => {
      const isOwn = (fileName.startsWith(beside) || own.has(fileName)) && !isPackaged(fileName);
      return isOwn && !this.project.isCell(fileName) && /(?<!\.d)\.[cm]?tsx?$/.test(fileName);
    });
    return files.flatMap((file) => {
      const found = [
        ...program.getSyntacticDiagnostics(file),
        ...program.getSemanticDiagnostics(file).filter(({ code }) => code !== NO_TYPES),
      ];
      return found.map((error) => diagnosticIn(file.text, 0, error, file.fileName));
    });
  }

  /** Says once of a package that it has no types. */
  private adviceOnTypes(file: ts.SourceFile, found: readonly ts.Diagnostic[]): string[] {
    return found.flatMap(({ code, start = 0, length = 0 }) => {
      if (code !== NO_TYPES) return [];
      const name = file.text.slice(start, start + length).replace(/['"`]/g, '');
      if (this.advised.has(name) || /^[./]/.test(name)) return [];
      this.advised.add(name);
      const types = `@types/${packageOf(name).replace(/^@/, '').replace('/', '__')}`;
      return [
        `${name} has no types: what comes from it is any. \`npm install ${types}\` brings them if there are any; \`declare module '${name}';\` ends this advice.`,
      ];
    });
  }

  private paths(cell: CellSource): { paths?: Record<string, string> } {
    const { resolution, compilerOptions } = this.project;
    if (!cell.imports || !compilerOptions.paths) return {};
    return { paths: resolution.ownModules(this.surroundings.directory) };
  }

  private keep(committed: Committed): void {
    const { id, text, live, modules } = committed;
    this.kept.set(id, committed);
    this.project.keep(id, text);
    if (/\b(?:import|require)\b/.test(withoutEarlier(text))) this.imports.add(id);
    for (const [name, one] of live) this.live.set(name, one);
    for (const [name, one] of modules) this.modules.set(name, one);
    if (!committed.global) return;
    // What a cell declares for all files holds until it is run again.
    for (const other of this.kept.values()) {
      if (other.id !== id && other.text === text) other.global = false;
    }
    const global = [...this.kept.values()].filter((cell) => cell.global);
    this.project.setGlobal(global.map((cell) => cell.id));
  }

  private renew(): void {
    this.project = new Project(this.surroundings);
    this.lasting = new LastingChecker(this.project);
    this.compiled.clear();
    for (const cell of this.kept.values()) this.keep(cell);
  }

  private nextId(): number {
    return this.kept.size + 1;
  }
}

/** The text of a kept cell without the lines that take names from earlier ones. */
function withoutEarlier(text: string): string {
  return text.replace(/^.*"\.\/~cell-\d+".*$/gm, '');
}

/** Whether no type decides what becomes of a cell, and it changes nothing that others see. */
function isSimple({ imports, global, modules, text }: CellSource): boolean {
  return !imports && !global && modules.length === 0 && !/@ts-|\benum\b/.test(text);
}

/** What a cell mentions and does not declare. */
function unclaimed({ mentioned, declared }: CellSource): Set<string> {
  return new Set([...mentioned].filter((name) => !declared.has(name)));
}

function packageOf(module: string): string {
  return module
    .split('/')
    .slice(0, module.startsWith('@') ? 2 : 1)
    .join('/');
}
