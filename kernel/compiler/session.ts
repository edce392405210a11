import { type CellModule, type CellProgram, cellProgram } from './cell-program';
import { type CellSource, parse, readCell, syntaxErrorsOf } from './cell-source';
import { completeness } from './completeness';
import { type Completions, completionsAt, viewOfService } from './completion';
import type { Diagnostic } from './diagnostics';
import { type Live, surroundings } from './earlier';
import { emitCell, transpileCell } from './emit';
import type { Surroundings } from './files';
import { inspectionAt } from './inspection';
import { type Committed, KeptCells } from './kept-cells';
import { LastingChecker, type View } from './lasting';
import { asksForNode } from './node-types';
import { AdviceOnTypes, errorsAmong, errorsInModules, foundIn, refusal } from './objections';
import { plainCell } from './plain-cell';
import { type Parsed, Project } from './project';
import { isUntyped } from './resolution';
import { namesExportedBy } from './shared-names';
import { encodeMappings } from './source-map';

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

/** Lines that the child puts before the code of a cell; its source map skips them. */
export const LINES_BEFORE_CODE = 1;

/**
 * The TypeScript side of a kernel: it knows what the cells so far have declared.
 *
 * A cell's declarations count only after `commit`: it ran, wholly or in part.
 */
export class Session {
  private project: Project;
  private readonly cells = new KeptCells();
  private readonly compiled = new Map<string, Known>();
  private readonly adviceOnTypes = new AdviceOnTypes();
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
    const id = this.cells.nextId();
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
    this.cells.clear();
    this.lasting.clear();
    this.project.clear();
    this.compiled.clear();
  }

  complete(code: string, position: number): Completions {
    try {
      const asked = this.ask(code);
      const { text, shift } = asked;
      const find = (): Completions =>
        completionsAt(
          this.project,
          this.viewOf(asked),
          text,
          position + shift,
          shift,
          this.cells.live,
        );
      const found = find();
      return found.matches.length === 0 && this.project.addNodeTypes() ? find() : found;
    } catch {
      // TypeScript fails at some of what is half written: then it has nothing to offer.
      return { matches: [], kinds: [], start: position, end: position };
    }
  }

  private viewOf({ text, isSimple }: { text: string; isSimple: boolean }): View {
    const view = isSimple ? this.lasting.view(text, this.cells.importing()) : undefined;
    this.project.setCell(text);
    return view ?? viewOfService(this.project);
  }

  /** The type and documentation of the name at `position`, or `undefined` where there is none. */
  inspect(code: string, position: number): string | undefined {
    try {
      const { shift } = this.ask(code);
      const find = () => inspectionAt(this.project, code, position, shift, this.cells.live);
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
    if (wrong.length > 0)
      return { ok: false, diagnostics: refusal(this.project, code, cell, wrong) };
    if (asksForNode(cell, this.cells.live)) this.project.addNodeTypes();
    const text = this.show(cell);
    const key = `${code}\n${text}\n${this.project.state}`;
    const known = this.compiled.get(key);
    if (known) {
      this.pending = { cell, text, values: known.values };
      return known.result;
    }
    if (isSimple(cell) && this.lasting.accepts(text, this.cells.importing())) {
      const compiled = { code, text, cell };
      const plain = plainCell(cell, this.cells.live);
      if (plain) return this.finish(plain, new Set(), compiled).result;
      const module = transpileCell(text, this.project.compilerOptions, cell, this.cells.live);
      return this.compiledTo(module, compiled).result;
    }
    this.project.setCell(text);
    const program = this.project.program();
    const file = program.getSourceFile(this.project.cell)!;
    const found = foundIn(program, file, cell);
    const errors = errorsAmong(found, text, this.cells.live);
    const inModules = cell.imports
      ? errorsInModules(this.project, program, this.surroundings.directory)
      : [];
    if (errors.length > 0 || inModules.length > 0) {
      if (this.project.addNodeTypes()) return this.tryCompile(code);
      const diagnostics = refusal(this.project, code, cell, errors);
      return { ok: false, diagnostics: [...diagnostics, ...inModules] };
    }
    const compiled = { code, text, cell };
    const plain = plainCell(cell, this.cells.live);
    const { result } = plain
      ? this.finish(plain, new Set(), compiled)
      : this.compiledTo(emitCell(program, file, cell, this.cells.live), compiled);
    return { ...result, advice: this.adviceOnTypes.on(file, found) };
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
    const text = cell.text + surroundings(cell, this.cells.live);
    const modules = new Map(this.cells.modules);
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
    if (asksForNode(cell, this.cells.live)) this.project.addNodeTypes();
    const before = `${surroundings({ ...cell, declared: new Map(), mentioned: unclaimed(cell) }, this.cells.live)}\n`;
    const text = before + cell.text;
    this.project.setCell(text);
    return { text, shift: before.length + cell.shift, isSimple: isSimple(cell) };
  }

  private paths(cell: CellSource): { paths?: Record<string, string> } {
    const { resolution, compilerOptions } = this.project;
    if (!cell.imports || !compilerOptions.paths) return {};
    return { paths: resolution.ownModules(this.surroundings.directory) };
  }

  private keep(committed: Committed): void {
    this.cells.add(committed);
    this.project.keep(committed.id, committed.text);
    if (committed.global) this.project.setGlobal(this.cells.global());
  }

  private renew(): void {
    this.project = new Project(this.surroundings);
    this.lasting = new LastingChecker(this.project);
    this.compiled.clear();
    for (const cell of this.cells.all()) this.keep(cell);
  }
}

/** Whether no type decides what becomes of a cell, and it changes nothing that others see. */
function isSimple({ imports, global, modules, text }: CellSource): boolean {
  return !imports && !global && modules.length === 0 && !/@ts-|\benum\b/.test(text);
}

/** What a cell mentions and does not declare. */
function unclaimed({ mentioned, declared }: CellSource): Set<string> {
  return new Set([...mentioned].filter((name) => !declared.has(name)));
}
