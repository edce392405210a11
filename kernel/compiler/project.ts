import ts from 'typescript';
import { Declarations } from './declarations';
import type { Surroundings } from './files';
import { compilerOptions } from './options';
import { Resolution } from './resolution';
import { isPackaged, Sources } from './sources';
import { Texts } from './texts';

/** TypeScript needs the cache of a host that resolves modules itself, without declaring it. */
type Host = ts.LanguageServiceHost & Pick<ts.CompilerHost, 'getModuleResolutionCache'>;

/** In the names of the files that only the compiler sees. A user's file hardly begins like this. */
const MARK = '~cell';

/** Files as one program has read and parsed them, for another one. */
export interface Parsed {
  texts: Texts;
  registry: ts.DocumentRegistry;
}

type Virtual = { snapshot: ts.IScriptSnapshot; version: number };

/**
 * The program around a cell, for TypeScript's language service: the cell that is asked about, the
 * earlier cells that it takes names from, and what they import.
 *
 * The cell always has the same name, so that the roots of the program stay the same and all else is
 * taken over from one cell to the next.
 */
export class Project {
  readonly sources: Sources;
  readonly resolution: Resolution;
  private readonly declarations: Declarations;
  readonly service: ts.LanguageService;
  readonly host: ts.LanguageServiceHost;
  private readonly texts: Texts;
  private readonly registry: ts.DocumentRegistry;
  readonly cell: string;
  readonly directory: string;
  private readonly modules: string;
  /** Where the types of Node.js begin, once they are there. */
  private node: string | undefined;
  private readonly virtual = new Map<string, Virtual>();
  private readonly generations = new Map<string, number>();
  private roots: string[] = [];
  private options: ts.CompilerOptions;
  private version = 0;
  private epoch = 0;

  constructor(
    private readonly surroundings: Surroundings,
    parsed?: Parsed,
  ) {
    this.directory = surroundings.directory;
    this.cell = `${this.directory}/${MARK}.ts`;
    this.modules = `${this.directory}/${MARK}-modules.d.ts`;
    this.texts = parsed?.texts ?? new Texts();
    this.sources = new Sources(surroundings.files, this.texts);
    this.declarations = new Declarations(surroundings.files, this.texts);
    this.resolution = new Resolution(surroundings, this.sources, this.declarations);
    this.options = compilerOptions(surroundings, this.sources);
    this.registry = parsed?.registry ?? keepingRegistry();
    this.host = this.hostOfService();
    this.service = ts.createLanguageService(this.host, this.registry);
    this.setModules('');
    this.setCell('');
  }

  /** The module that the kept cell `id` is for later ones. */
  static nameOf(id: number): string {
    return `./${MARK}-${id}`;
  }

  /** The module behind a name that the cell imports. */
  resolve(name: string): ts.ResolvedModuleWithFailedLookupLocations {
    return this.resolution.module(name, this.cell, undefined, this.options);
  }

  setCell(text: string): void {
    this.write(this.cell, text);
  }

  /** Declarations of modules without types. */
  setModules(text: string): void {
    if (this.write(this.modules, text)) this.epoch++;
  }

  keep(id: number, text: string): void {
    this.write(this.pathOf(id), text);
  }

  /** The cells that change what all files see, as `declare global` does. */
  setGlobal(ids: readonly number[]): void {
    this.roots = ids.map((id) => this.pathOf(id));
    this.version++;
    this.epoch++;
  }

  clear(): void {
    for (const path of this.virtual.keys()) {
      if (path !== this.cell && path !== this.modules) this.virtual.delete(path);
    }
    this.roots = [];
    this.epoch++;
    this.setModules('');
  }

  pathOf(id: number): string {
    return `${this.directory}/${MARK}-${id}.ts`;
  }

  isCell(path: string): boolean {
    return this.virtual.has(path);
  }

  /** Another text once anything but the cell and the kept cells has changed. */
  get state(): string {
    return String(this.epoch);
  }

  /** The files that it has read and parsed. */
  get parsed(): Parsed {
    return { texts: this.texts, registry: this.registry };
  }

  program(): ts.Program {
    const program = this.service.getProgram()!;
    const asked = this.sources.mentionNode || this.declarations.mentionNode;
    return asked && this.addNodeTypes() ? this.service.getProgram()! : program;
  }

  /** The files that the cell imports by a path, `./a` or `../b/c`, and those that they import so. */
  importedByPath(program: ts.Program): Set<string> {
    const found = new Set<string>();
    const waiting = [this.cell];
    for (let from = waiting.pop(); from !== undefined; from = waiting.pop()) {
      const text = program.getSourceFile(from)?.text ?? '';
      for (const { fileName } of ts.preProcessFile(text, true, true).importedFiles) {
        if (!/^\.\.?\//.test(fileName) || this.earlierCell(fileName)) continue;
        const { resolvedModule } = this.resolution.module(fileName, from, undefined, this.options);
        const path = resolvedModule?.resolvedFileName;
        if (path === undefined || found.has(path)) continue;
        found.add(path);
        waiting.push(path);
      }
    }
    return found;
  }

  /** A program that holds the kept cells `ids`, and all that they import. */
  programOf(ids: readonly number[]): ts.Program {
    const imports = ids.map((id) => `import ${JSON.stringify(Project.nameOf(id))};`);
    this.setCell([...imports, 'export {};'].join('\n'));
    return this.program();
  }

  /** The text of a kept cell. */
  textOf(path: string): string | undefined {
    const snapshot = this.virtual.get(path)?.snapshot;
    return snapshot?.getText(0, snapshot.getLength());
  }

  get hasNodeTypes(): boolean {
    return this.node !== undefined || this.surroundings.types !== undefined;
  }

  /** @returns whether they were missing, and are there now. */
  addNodeTypes(): boolean {
    if (this.hasNodeTypes) return false;
    const { resolvedTypeReferenceDirective: found } = this.resolution.typeReference(
      'node',
      `${this.directory}/${MARK}.ts`,
      this.options,
    );
    if (!found?.resolvedFileName) return false;
    this.node = found.resolvedFileName;
    this.version++;
    this.epoch++;
    return true;
  }

  get compilerOptions(): ts.CompilerOptions {
    return this.options;
  }

  /** Looks for what has changed on the disk. */
  refresh(): void {
    const changed = this.sources.refresh();
    const elsewhere = this.resolution.refresh(changed, this.options);
    if (changed.length === 0 && elsewhere !== 'all' && elsewhere.size === 0) return;
    this.version++;
    this.epoch++;
    if (elsewhere === 'all') {
      this.options = compilerOptions(this.surroundings, this.sources);
      this.generations.set('', (this.generations.get('') ?? 0) + 1);
    } else {
      for (const directory of elsewhere) {
        this.generations.set(directory, (this.generations.get(directory) ?? 0) + 1);
      }
    }
  }

  /** @returns whether it was another text before. */
  private write(path: string, text: string): boolean {
    const before = this.virtual.get(path);
    if (before && before.snapshot.getText(0, before.snapshot.getLength()) === text) return false;
    this.version++;
    this.virtual.set(path, {
      snapshot: ts.ScriptSnapshot.fromString(text),
      version: this.version,
    });
    return true;
  }

  /** A file whose imports lead elsewhere than before counts as changed. */
  private versionOf(path: string): string {
    if (isPackaged(path)) return this.sources.version(path);
    const directory = path.slice(0, path.lastIndexOf('/'));
    const stamp =
      this.virtual.get(path)?.version ??
      this.declarations.version(path) ??
      this.sources.version(path);
    const { generations } = this;
    return `${stamp} ${generations.get(directory) ?? 0} ${generations.get('') ?? 0}`;
  }

  private hostOfService(): Host {
    const { sources, resolution, declarations, virtual, surroundings } = this;
    const own = (name: string): string => `${surroundings.kernel}/compiler/${name}.d.ts`;
    return {
      getProjectVersion: () => String(this.version),
      getCompilationSettings: () => this.options,
      getScriptFileNames: () => [
        own('globals'),
        ...(this.node !== undefined ? [own('node-globals'), this.node] : []),
        ...(this.hasNodeTypes ? [] : [own('console')]),
        this.modules,
        this.cell,
        ...this.roots,
      ],
      getScriptVersion: (path) => this.versionOf(path),
      getScriptSnapshot: (path) =>
        virtual.get(path)?.snapshot ?? declarations.snapshot(path) ?? sources.snapshot(path),
      getCurrentDirectory: () => this.directory,
      getDefaultLibFileName: (options) =>
        `${surroundings.libraries}/${ts.getDefaultLibFileName(options)}`,
      useCaseSensitiveFileNames: () => true,
      fileExists: (path) =>
        virtual.has(path) || declarations.snapshot(path) !== undefined || sources.exists(path),
      readFile: (path) => sources.text(path),
      directoryExists: (path) => sources.isDirectory(path),
      getDirectories: (path) => sources.entries(path).directories,
      readDirectory: (path, extensions) =>
        sources
          .entries(path)
          .files.filter((name) => !name.startsWith(MARK))
          .filter((name) => !extensions || extensions.some((extension) => name.endsWith(extension)))
          .map((name) => `${path.replace(/\/$/, '')}/${name}`),
      realpath: (path) => sources.realPath(path),
      // Without it, the package.json of a package is parsed for each of its files.
      getModuleResolutionCache: () => resolution.packages(this.options),
      resolveModuleNameLiterals: (names, from, _redirected, options, file) =>
        names.map((name) => {
          const earlier = this.earlierCell(name.text);
          if (earlier) return { resolvedModule: earlier };
          const mode = ts.getModeForUsageLocation(file, name, options);
          return resolution.module(name.text, from, mode, options);
        }),
      resolveTypeReferenceDirectiveReferences: (references, from, _redirected, options) =>
        references.map((reference) =>
          resolution.typeReference(
            typeof reference === 'string' ? reference : reference.fileName,
            from,
            options,
          ),
        ),
    };
  }

  /** Where the name of the module leads that an earlier cell is. */
  earlierCell(name: string): ts.ResolvedModuleFull | undefined {
    if (!name.startsWith(`./${MARK}-`)) return undefined;
    const resolvedFileName = `${this.directory}/${name.slice(2)}.ts`;
    return { resolvedFileName, extension: ts.Extension.Ts, isExternalLibraryImport: false };
  }
}

/** Files that no cell has taken part in for a while are kept, parsed: the next one may. */
function keepingRegistry(): ts.DocumentRegistry {
  const registry = ts.createDocumentRegistry(true);
  const release = registry.releaseDocumentWithKey.bind(registry);
  return Object.assign(registry, {
    releaseDocumentWithKey: (...given: Parameters<typeof release>) => {
      if (given[0].includes(`/${MARK}`)) release(...given);
    },
  });
}
