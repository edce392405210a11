import ts from 'typescript';
import { parse } from './cell-source';
import type { Project } from './project';

/** What TypeScript has for its own use, and does not say in its types. */
interface Inner {
  createTypeChecker?(host: ts.Program): Checker;
  bindSourceFile?(file: ts.SourceFile, options: ts.CompilerOptions): void;
  Completions?: {
    getCompletionsAtPosition(
      host: ts.LanguageServiceHost,
      program: ts.Program,
      log: () => void,
      file: ts.SourceFile,
      position: number,
      preferences: ts.UserPreferences,
      trigger: undefined,
      kind: undefined,
      cancellation: ts.CancellationToken,
    ): ts.CompletionInfo | undefined;
  };
}

/** A checker finds what is wrong in a file by a method that its type omits. */
type Checker = ts.TypeChecker & { getDiagnostics(file: ts.SourceFile): readonly ts.Diagnostic[] };

type Bound = ts.SourceFile & {
  path: string;
  resolvedPath: string;
  originalFileName: string;
  bindDiagnostics: readonly ts.Diagnostic[];
};

/** A checker holds the types of all that it has checked: after this number of cells, another one is made. */
const MOST_CELLS = 250;

interface Base {
  state: string;
  /** With the cells that have come after it. */
  program: ts.Program;
  checker: Checker;
}

/** A text, and what may stand at a place in it. */
export interface View {
  file: ts.SourceFile;
  entriesAt(position: number, preferences: ts.UserPreferences): ts.CompletionInfo | undefined;
}

const NEVER: ts.CancellationToken = {
  isCancellationRequested: () => false,
  throwIfCancellationRequested() {},
};

/**
 * One checker for many cells. The language service makes a new one for each change of a text, which
 * has to find out again what `Array`, `tf` and all else mean that a cell mentions; this one goes on
 * from cell to cell, as nothing that it knows changes by another cell.
 *
 * It only ever accepts a cell. Whatever it cannot decide is left to the language service; so
 * it does where TypeScript has not what is needed here.
 */
export class LastingChecker {
  private base: Base | undefined;
  /** Cells by the path that later ones import them from, and by that under which they were checked. */
  private readonly files = new Map<string, Bound>();
  private latest: Bound | undefined;
  private count = 0;

  /** @param inner TypeScript, with what it does not declare; without that, the service does all. */
  constructor(
    private readonly project: Project,
    private readonly inner: Inner = ts as typeof ts & Inner,
  ) {}

  /**
   * Whether a cell is good.
   *
   * @param importing the kept cells that import: what they lead to is a part of the program.
   */
  accepts(text: string, importing: readonly number[]): boolean {
    try {
      const base = this.baseFor(importing);
      const file = base && this.bound(text, base);
      if (!base || !file) return false;
      this.latest = file;
      const found = [file.bindDiagnostics, base.checker.getDiagnostics(file)];
      return found.every(({ length }) => length === 0) && !takesConstants(file, base.checker);
    } catch {
      // It looks into the compiler; what goes wrong there is found by what follows.
      this.clear();
      return false;
    }
  }

  /** A text that is being written, to be asked about; `undefined` where the service has to be. */
  view(text: string, importing: readonly number[]): View | undefined {
    const base = this.baseFor(importing);
    const { Completions } = this.inner;
    if (!base || !Completions) return undefined;
    const file = this.bound(text, base);
    const { host } = this.project;
    return {
      file,
      entriesAt: (position, preferences) =>
        Completions.getCompletionsAtPosition(
          ...([host, base.program, () => {}, file, position, preferences] as const),
          ...([undefined, undefined, NEVER] as const),
        ),
    };
  }

  /** The cell that was accepted last is kept as the module `id`. */
  keep(id: number): void {
    if (this.latest) this.files.set(this.project.pathOf(id), this.latest);
    this.latest = undefined;
  }

  /** Another cell comes, and the one that was accepted last is not kept. */
  forget(): void {
    this.latest = undefined;
  }

  clear(): void {
    this.base = undefined;
    this.latest = undefined;
    this.files.clear();
  }

  private baseFor(importing: readonly number[]): Base | undefined {
    const { project } = this;
    const state = `${project.state}\n${importing.join()}`;
    if (this.base?.state === state && this.count < MOST_CELLS) return this.base;
    if (!this.inner.createTypeChecker || !this.inner.bindSourceFile) return undefined;
    this.clear();
    this.count = 0;
    const program = project.programOf(importing);
    const extended = this.extended(program);
    const checker = this.inner.createTypeChecker(extended);
    extended.getTypeChecker = () => checker;
    // The types of Node.js may have come with it.
    const now = `${project.state}\n${importing.join()}`;
    this.base = { state: now, program: extended, checker };
    return this.base;
  }

  /** The program, with the cells that have come after it. */
  private extended(program: ts.Program): ts.Program {
    type Lookup = (file: ts.SourceFile, name: string, mode: ts.ResolutionMode) => unknown;
    const { getResolvedModule } = program as typeof program & { getResolvedModule: Lookup };
    const find = (path: string): ts.SourceFile | undefined =>
      this.files.get(path) ?? program.getSourceFile(path) ?? this.kept(path, program);
    const resolved: Lookup = (file, name, mode) => {
      const earlier = this.files.has(file.fileName) ? this.project.earlierCell(name) : undefined;
      return earlier ? { resolvedModule: earlier } : getResolvedModule(file, name, mode);
    };
    return Object.assign({ ...program }, { getSourceFile: find, getResolvedModule: resolved });
  }

  /** A kept cell that the program does not hold, as nothing that it held mentions it. */
  private kept(path: string, program: ts.Program): Bound | undefined {
    const text = this.project.textOf(path);
    if (text === undefined) return undefined;
    const file = this.bind(path, text, program);
    this.files.set(path, file);
    return file;
  }

  private bound(text: string, { program }: Base): Bound {
    this.count++;
    // The checker keeps what it has found by the names of files.
    const path = `${this.project.directory}/~cell-checked-${this.count}.ts`;
    const file = this.bind(path, text, program);
    this.files.set(path, file);
    return file;
  }

  private bind(path: string, text: string, program: ts.Program): Bound {
    const file = parse(text, ts.ScriptKind.TS, path) as Bound;
    Object.assign(file, { path, resolvedPath: path, originalFileName: path });
    this.inner.bindSourceFile!(file, program.getCompilerOptions());
    return file;
  }
}

/** Whether the values of a `const enum` are to be written into the code, which takes its types. */
function takesConstants(file: ts.SourceFile, checker: ts.TypeChecker): boolean {
  const takes = (node: ts.Node): boolean => {
    const isAccess = ts.isPropertyAccessExpression(node) || ts.isElementAccessExpression(node);
    if (isAccess && checker.getConstantValue(node) !== undefined) return true;
    return ts.forEachChild(node, takes) ?? false;
  };
  return takes(file);
}
